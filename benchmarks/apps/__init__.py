"""What the servers of servers.py run: applications of a few lines, by the name of their framework."""
