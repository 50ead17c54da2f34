# Where a request's environment names the route of its view, for the web server's log.
ROUTE = "csc.route"
