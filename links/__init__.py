"""Links join radio and models: images and a channel-use budget in, answers and their cost out."""
