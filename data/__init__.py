"""The data room: readers of annotated data in other formats, for training."""
