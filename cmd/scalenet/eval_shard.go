package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"scalenet/internal/shard"
)

// addShard defines the flag --shard.
func addShard(f *pflag.FlagSet, to *shard.Shard, usage string) {
	text := ""
	f.Var(&checked{&text, func(text string) (string, error) {
		s, err := shard.Parse(text)
		*to = s
		return text, err
	}}, "shard", usage)
}

// checkShard checks the flags that --shard needs, and that it cannot go with.
func (o *evalOptions) checkShard() error {
	switch {
	case o.shard.Of == 0:
	case o.results == "":
		return errors.New("--shard needs --results FILE, the file of the part")
	case o.report.dir != "" || o.choose.rule != "" || o.json:
		return errors.New("--shard gives the detections of a part, and metrics are of all images: leave out --report, --choose-threshold and --json")
	}
	return nil
}

// finishPart moves the partial results of a shard, which are complete, to --results.
func (o *evalOptions) finishPart(c *cobra.Command, partial string, images int) error {
	held, err := holdPartial(partial)
	if err != nil {
		return err
	}
	write := o.writing()
	if err := write.move(partial, o.results); err != nil {
		return fmt.Errorf("%w; the part is in %s", err, partial)
	}
	if err := held.remove(); err != nil {
		return err
	}
	first, end := o.shard.Range(images)
	fmt.Fprintf(c.ErrOrStderr(), "%s: part %s, %d of %d images; scalenet merge puts the parts together\n", o.results, o.shard, end-first, images)
	return syncFolder(filepath.Dir(o.results))
}
