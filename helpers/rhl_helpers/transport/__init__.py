"""Ways to run a helper on a host: in this machine, over paramiko, over the ssh binary."""
