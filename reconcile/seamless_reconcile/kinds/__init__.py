"""The kinds of resources: one file each, with its states and the rules that tell them apart."""
