package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"scalenet/detector"
	"scalenet/results"
)

// resumeFacts is what a stopped run and the one that goes on with it must have in common: the model, and the flags on which detections depend.
func (o *detectOptions) resumeFacts(c *cobra.Command, m *detector.Model) facts {
	f := flagFacts(c, &o.model.device, []string{"batch", "crops", "draw", "force", "format", "ids", "json", "model", "no-verify", "out", "output",
		"private", "resume", "shard", "streams", "threads", "tile-batch"})
	f["the model"] = m.Digest.String()
	return f
}

// settingsFile is the file beside --output that has the facts of a run that has not ended well; "" if --resume could not go on with the run.
func (o *resultOptions) settingsFile() string {
	if o.kind != results.JSONLines || o.table == "" {
		return ""
	}
	return o.table + ".settings"
}

// checkSettings returns an error if a stopped run has made its results in another way. left is the number of sources that are to be done.
func (o *resultOptions) checkSettings(left int) error {
	if !o.resume || o.kept == 0 {
		return nil
	}
	path := o.settingsFile()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if left == 0 || o.files.force {
			return nil
		}
		return fmt.Errorf("%s: does not exist: the run that wrote %s has ended, or was one of an earlier version; --force goes on with any model and settings",
			path, o.table)
	}
	if err != nil {
		return err
	}
	var before facts
	if json.Unmarshal(text, &before) != nil {
		return fmt.Errorf("%s: is not a file that detect wrote", path)
	}
	if name, now, was := o.made.difference(before); name != "" {
		return fmt.Errorf("%s: was made with %s %s, now it is %s: give the same, or another --output", o.table, name, was, now)
	}
	return nil
}

// writeSettings writes the facts of this run.
func (o *resultOptions) writeSettings() error {
	path := o.settingsFile()
	if path == "" {
		return nil
	}
	text, err := json.Marshal(o.made)
	if err != nil {
		return err
	}
	ours := outputs{force: true} // prepare has checked that of a new run
	return ours.write(path, func(path string) error { return os.WriteFile(path, append(text, '\n'), 0o644) })
}

// removeSettings removes the facts of a run that has ended well.
func (o *resultOptions) removeSettings() error {
	path := o.settingsFile()
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
