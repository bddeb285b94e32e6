// Package models holds the detectors of a server by name, and reloads them when their
// files change.
//
// A changed file is loaded and run once while the old detector stays in use. Then the
// new detector replaces the old one, which is closed after the last request that uses
// it. A failed reload changes nothing.
package models
