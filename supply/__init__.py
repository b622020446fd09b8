"""What is shipped, and under which licences."""
