package train

import (
	"cmp"
	"fmt"

	"scalenet/checkpoint"
	"scalenet/internal/brief"
	"scalenet/internal/config"
)

// Resumable returns an error if the configuration or the classes of a resumed run
// differ from its saved metadata. The saved configuration is under key in the
// metadata, and parse parses it.
func Resumable[C interface{ Resolve() (C, error) }](metadata map[string]string, key string, parse func(text []byte, origin string) (C, error), now C, classes []string) error {
	text, ok := metadata[key]
	if !ok {
		return fmt.Errorf("no %s in the metadata: is it the state of another kind of model?", key)
	}
	was, err := parse([]byte(text), "metadata "+key)
	if err != nil {
		return err
	}
	if was, err = was.Resolve(); err != nil {
		return fmt.Errorf("metadata %s: %w", key, err)
	}
	names, err := checkpoint.Classes(metadata)
	if err != nil {
		return err
	}
	return cmp.Or(unchangedClasses(names, classes), Continues(was, now, "train."))
}

// Continues returns an error if a run with configuration was cannot go on with configuration now: the length of a run and the intervals of its
// logs, evaluations and saves may change, all else stays. prefix comes before the keys of [Config].
func Continues(was, now any, prefix string) error {
	var may []string
	for _, key := range []string{"epochs", "budget", "patience", "log_steps", "eval_epochs", "save_steps"} {
		may = append(may, prefix+key)
	}
	if err := config.Unchanged(was, now, may...); err != nil {
		return fmt.Errorf("%w: a run keeps it; to train on with another value, begin a new run (another --out) with --init and the model of this run", err)
	}
	return nil
}

// unchangedClasses returns an error that names the first class that differs.
func unchangedClasses(was, now []string) error {
	for i := range min(len(was), len(now)) {
		if was[i] != now[i] {
			return fmt.Errorf("class %d of the run is %s, now it is %s: a run is resumed with the same classes in the same order",
				i+1, brief.Cut(fmt.Sprintf("%q", was[i]), 80), brief.Cut(fmt.Sprintf("%q", now[i]), 80))
		}
	}
	if len(was) != len(now) {
		return fmt.Errorf("the run has %d classes, now there are %d: a run is resumed with the same classes in the same order", len(was), len(now))
	}
	return nil
}
