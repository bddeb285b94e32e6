// Package models holds the detectors that a server offers: by name, each with
// the file that it comes from. A file that has changed is loaded and warmed
// beside the detector that serves; then the two are swapped, and the old one is
// closed when the last request that uses it has ended. A reload that fails
// changes nothing.
package models
