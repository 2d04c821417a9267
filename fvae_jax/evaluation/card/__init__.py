"""What a model card tells: numbers of a run beside those of the same people's own images, by groups of people too."""
