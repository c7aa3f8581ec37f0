"""What each command of the command line does, as one function of the same name and words.

A function takes paths or what was read from them, and returns a frozen result that prints as a page. The command line
parses its options, calls the function, and prints the result.
"""
