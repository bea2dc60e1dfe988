"""Channel models behind one entry, `taskwave.phy.channel.model.ChannelModel`: a file for each family."""
