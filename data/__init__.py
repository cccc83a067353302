"""The data room: the project's own corpus, and drafts that become articles with exact offsets."""
