"""The data room: the project's own corpus, and the tools to check, convert, cut, describe, extend and make others."""
