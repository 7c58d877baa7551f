"""What every measurement stands on: servers, proxies, processes, figures."""
