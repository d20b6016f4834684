"""The trees of labs, cut out of main. Only main has this folder."""
