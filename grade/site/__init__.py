"""The documentation as a site: sources and documents prepared for Doxygen, and Doxygen run on them."""
