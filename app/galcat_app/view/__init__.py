"""What the pages look like: panels in the browser, each with its content in and messages out."""
