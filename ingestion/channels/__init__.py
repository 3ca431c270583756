"""One module per channel: generators that yield the API's objects, stream by stream."""
