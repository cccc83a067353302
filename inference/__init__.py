"""The inference room: engines, tagger, entity clustering, files in, pages and tables out."""
