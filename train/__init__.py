"""The training room: one recipe a file (pretrain, finetune, export), read top to bottom. Needs the extra `train`."""
