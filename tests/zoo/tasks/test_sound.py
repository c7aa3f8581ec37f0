import numpy as np
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.tasks import sound

RATE = 8000


def tone(frequency, count=RATE):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(count) / RATE)


@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_tone_is_loudest_in_the_band_of_its_frequency(frequency):
    """Bands are equally wide in mel = 2595 log10(1 + f / 700), 33 widths up to 4000 Hz."""
    width = 2595 * np.log10(1 + 4000 / 700) / 33
    band = 2595 * np.log10(1 + frequency / 700) / width - 1
    found = sound.bands(tone(frequency))
    assert found.shape == (32, 32)
    assert (np.abs(found.argmax(axis=0) - band) < 1).all()


def test_what_comes_after_a_short_recording_is_silence():
    found = sound.bands(tone(1000, RATE // 2))
    assert found[:, 18:].max() == pytest.approx(np.log(sound.FLOOR))
    assert found[:, :15].max(axis=0).min() > -10


def test_a_waveform_is_the_first_half_second_at_half_the_rate():
    """Of a slow tone every second sample remains as it was, but for the largest being 1 and the filter's edges."""
    found = sound.waveform(tone(50, 3000))
    assert found.shape == (1, 2048)
    assert (found[0, 1500:] == 0).all()
    assert np.abs(found).max() == 1
    inner = found[0, 50:1400] / found[0, 50:1400].max()  # at the abrupt end the filter rings
    assert np.allclose(inner, 2 * tone(50, 3000)[::2][50:1400], atol=1e-3)
    assert np.isfinite(sound.waveform(np.zeros(10))).all()


def tones(recorded, speakers, indices):
    """Recordings whose frequency tells all three: digit, speaker and index."""
    data = None
    for digit in range(2):
        for number, speaker in enumerate(speakers):
            for index in indices:
                frequency = 200 + 1500 * digit + 300 * number + 17 * index
                data = recorded(f"{digit}_{speaker}_{index}.wav", tone(frequency, 4096))
    return data


def test_recordings_are_held_out_by_index(recorded, cache):
    data = tones(recorded, ("ann", "bob"), (0, 4, 5, 9, 10, 49))
    task = sound.spoken_digits(data, "waveform", "waveform", "index")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [8, 8, 8]
    # in the order of the names: 0_ann_0, 0_ann_4, 0_bob_0, ...
    assert task.test.targets.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    first = sound.waveform(np.round(tone(200, 4096) * 32767) / 32768)[0]
    assert np.corrcoef(task.test.inputs[0, 0].numpy(), first)[0, 1] > 0.999
    assert float(task.train.inputs.mean()) == pytest.approx(0, abs=1e-5)
    assert float(task.train.inputs.std()) == pytest.approx(1, abs=1e-3)


def test_speakers_are_held_out_whole(recorded, cache):
    data = tones(recorded, ("ann", "bob", "eve"), (0, 20))
    task = sound.spoken_digits(data, "speakers", "spectrogram", "speaker")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [4, 4, 4]
    assert task.form.inputs == (1, 32, 32)
    whole = sound.spoken_digits(data, "index", "sequence", "speaker")
    assert whole.form.inputs == (32, 32)
    assert (whole.test.inputs == task.test.inputs[:, 0]).all()


@pytest.mark.parametrize("change", [{"rate": 16000}, {"channels": 2}])
def test_another_kind_of_recording_is_refused(recorded, cache, change):
    data = recorded("0_ann_0.wav", tone(100), **change)
    with pytest.raises(UnreadableFileError, match=r"0_ann_0\.wav: has .* This task needs one channel of 16 bits"):
        sound.spoken_digits(data, "", "waveform", "index")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00", b"no sound"])
def test_a_damaged_recording_is_named(recorded, cache, content):
    data = recorded("0_ann_0.wav", tone(100))
    (data / "free-spoken-digits" / "0_ann_0.wav").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"0_ann_0\.wav: cannot be read"):
        sound.spoken_digits(data, "", "waveform", "index")


def test_a_part_without_recordings_is_told(recorded, cache):
    data = recorded("0_ann_0.wav", tone(100))
    with pytest.raises(UnreadableFileError, match="has no recordings for train"):
        sound.spoken_digits(data, "", "waveform", "index")


def test_no_recordings_at_all_are_told(recorded, cache):
    data = recorded("zero.wav", tone(100))
    with pytest.raises(UnreadableFileError, match="has no recordings called"):
        sound.spoken_digits(data, "", "waveform", "index")
