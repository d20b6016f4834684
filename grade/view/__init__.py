"""The picture of an address space: one file for a browser, or a page of text for the terminal.

What is shown is worked out once, from any stopped guest (picture.py and what it is made of). page.py and text.py draw it.
"""
