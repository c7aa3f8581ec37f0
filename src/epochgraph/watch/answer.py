"""What watching answers: after each snapshot, and once a run has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epochgraph.predictors import Decision, Prediction


@dataclass(frozen=True, slots=True)
class Account:
    """What stopping by the forecasts saved or cost, or in shadow mode, what it would have.

    Attributes:
        epochs: The epochs that the run had.
        budget: The epochs that it was to have; None if nobody said.
        stopped: The epoch of the first decision to stop; None if there was none.
        acted: Whether the run was stopped then.
        target: The metric that was forecast.
        end: Its last value; None if the run was stopped, or did not measure it.
        good: Whether that is a good end; None if that is not known.
    """

    epochs: float
    budget: float | None
    stopped: float | None
    acted: bool
    target: str
    end: float | None
    good: bool | None

    @property
    def saved(self) -> float:
        """Epochs that stopping saved, or would have."""
        if self.stopped is None:
            return 0.0
        return (self.epochs if self.budget is None else max(self.budget, self.epochs)) - self.stopped

    def __str__(self) -> str:
        if self.stopped is None:
            return f"no decision to stop in {self.epochs:g} epochs"
        if self.acted:
            return f"stopped at epoch {self.stopped:g}, which saved {self.saved:g} epochs; its end is not known"
        ended = "its end was not measured" if self.end is None else f"it ended with {self.target} {self.end:.4g}"
        known = {True: ", a good end: stopping would have lost it", False: ", no good end", None: ""}[self.good]
        return f"would have been stopped at epoch {self.stopped:g}, saving {self.saved:g} epochs; {ended}{known}"


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a run after a snapshot.

    Attributes:
        epoch: When the snapshot was taken.
        prediction: How the run is expected to end; it abstains where nothing is forecast.
        stop: Whether to stop now: never in shadow mode.
        warnings: What is wrong with the network, a sentence each: weights are NaN or infinite, a layer is dead.
        scalars: For a logger: `forecast`, `forecast_low`, `forecast_high`, `degree/...`, `centrality/...`.
        account: What stopping saved or would have; None while the run goes on.
    """

    epoch: float
    prediction: Prediction
    stop: bool
    warnings: tuple[str, ...] = ()
    scalars: Mapping[str, float] = field(default_factory=dict)
    account: Account | None = None

    @property
    def expected(self) -> float | None:
        """The expected final value of the target."""
        return self.prediction.accuracy

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the final value lies with 90 % probability."""
        return self.prediction.interval

    @property
    def p_good(self) -> float | None:
        """The probability of a good end."""
        return self.prediction.p_good

    @property
    def decision(self) -> Decision:
        """What the forecast says, whether or not anybody acts on it."""
        return self.prediction.decision

    @property
    def reason(self) -> str:
        """What the decision rests on."""
        return self.prediction.reason

    def __str__(self) -> str:
        parts = [] if self.expected is None else [f"{self.prediction.target} {self.expected:.4g} expected"]
        parts += [] if self.interval is None else [f"{self.interval[0]:.4g} to {self.interval[1]:.4g}"]
        parts += [] if self.p_good is None else [f"chance of a good end {self.p_good:.0%}"]
        said = [", ".join([*parts, f"{self.decision}: {self.reason}"]), *self.warnings]
        said += [] if self.account is None else [str(self.account)]
        return f"{self.prediction.run}, epoch {self.epoch:g}: {'; '.join(said)}"
