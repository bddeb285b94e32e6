package server

import (
	"fmt"
	"net/url"
	"slices"

	"scalenet/detector"
	"scalenet/server/models"
)

// allClasses returns the classes of all models, each once.
func allClasses(registry *models.Registry) (classes []string) {
	for _, m := range registry.All() {
		for _, class := range m.Classes() {
			if !slices.Contains(classes, class) {
				classes = append(classes, class)
			}
		}
		m.Release()
	}
	return classes
}

// checkThreshold returns an error for a class that no model has, which would
// otherwise be ignored.
func checkThreshold(t detector.Threshold, classes []string) error {
	if err := t.Check(classes); err != nil {
		return fmt.Errorf("server: threshold = %v: %w", t, err)
	}
	return nil
}

// minScores returns the lowest score of each class, of the parameter key. What is
// not given in it is that of otherwise.
func minScores(values url.Values, key string, m *models.Model, otherwise detector.Threshold) (detector.MinScores, error) {
	var given detector.Threshold
	var err error
	text := values.Get(key)
	if text != "" {
		given, err = detector.ParseThreshold(text)
	}
	if err == nil {
		err = given.Check(m.Classes())
	}
	if err != nil {
		return nil, badRequest("%s = %q: %v", key, shown(text), err)
	}
	all := given.Or(otherwise.Among(m.Classes()))
	scores, err := all.For(m.Detector.Model())
	if err != nil {
		return nil, badRequest("%s = %q: %v", key, shown(all.String()), err)
	}
	return scores, nil
}
