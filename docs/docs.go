// Package docs has the documentation that the program itself shows.
package docs

import _ "embed"

// Configuration is configuration.md: every key of a configuration with its default and meaning.
//
//go:embed configuration.md
var Configuration string
