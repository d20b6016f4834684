"""The picture of an address space: one file for a browser, or a page of text for the terminal.

Its content is computed once, from any stopped guest (picture.py and its parts). page.py and text.py draw it.
"""
