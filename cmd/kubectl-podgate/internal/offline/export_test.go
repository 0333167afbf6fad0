package offline

// Load writes the samples of a text into a database, for tests.
var Load = load
