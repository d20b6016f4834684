"""The picture of an address space: one file for a browser, or a page of text for the terminal.

What is shown is worked out once (picture.py and what it is made of), from any stopped guest; page.py and text.py draw it.
"""
