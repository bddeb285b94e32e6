package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"scalenet/checkpoint"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// outputs is the rule for the files that a command writes, the same for every
// verb. A file that exists is refused unless --force is given. A file that is an
// input, by whatever spelling or link, is refused with --force too. No two
// outputs may be one file. check holds to the rule before anything is computed,
// write and writeInto when a file has appeared since.
type outputs struct{ force bool }

// output is a file that a command is going to write.
type output struct {
	of   string // what it is the output of, such as a flag, for messages
	path string
	made bool // its folder is made where it is not there
}

// outputFlag marks flags that name what a command writes.
const outputFlag = "scalenet_output"

// flags adds --force to a command; named are its flags that name outputs.
func (o *outputs) flags(c *cobra.Command, named ...string) {
	c.Flags().BoolVar(&o.force, "force", false, "replace output files that exist; an input is never replaced")
	for _, name := range named {
		if err := c.Flags().SetAnnotation(name, outputFlag, nil); err != nil {
			panic(err) // a flag that is not defined
		}
	}
}

// in are the files of a folder, which is made where it is not there.
func in(dir, of string, names ...string) (list []output) {
	for _, name := range names {
		list = append(list, output{of: of, path: within(dir, name), made: true})
	}
	return list
}

// within is a path in a folder. Unlike filepath.Join it leaves ".." behind a
// link to the system, which goes to the folder above the link's target.
func within(dir, name string) string {
	return strings.TrimRight(dir, string(filepath.Separator)) + string(filepath.Separator) + name
}

// check refuses outputs that break the rule and outputs that cannot be written.
// An input that is a folder is all that is in it.
func (o *outputs) check(inputs []string, files ...output) error {
	read, written, tried := &readFiles{paths: inputs}, map[string]output{}, map[string]bool{}
	for _, file := range files {
		if err := read.refuse(file.path); err != nil {
			return err
		}
		if err := o.free(file.path); err != nil {
			return err
		}
		real := resolve(file.path)
		if other, ok := written[real]; ok {
			return fmt.Errorf("%s and %s are both %s", other.of, file.of, file.path)
		}
		written[real] = file
		if err := file.tryFolder(tried); err != nil {
			return err
		}
	}
	for real, file := range written {
		for dir := filepath.Dir(real); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if other, ok := written[dir]; ok {
				return fmt.Errorf("%s: is the output of %s, not a folder for that of %s", other.path, other.of, file.of)
			}
		}
	}
	return nil
}

// free is an error if there is something at the place of an output that must
// not be replaced.
func (o *outputs) free(path string) error {
	if path == "" || strings.HasSuffix(path, string(filepath.Separator)) {
		return fmt.Errorf("%q: want the name of a file to write", path)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Lstat(path) // a link to nothing
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // of the latter tryFolder says more
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: is a folder, want the name of a file to write", path)
	case info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return fmt.Errorf("%s: is no regular file and cannot be replaced", path)
	case !o.force:
		return thereError(path)
	}
	return nil
}

func thereError(path string) error {
	return fmt.Errorf("%s: is there already; --force replaces it", path)
}

// tryFolder is an error if no file can be made in the output's folder, or in
// the one that the folder will be made in. Folders of before are in tried.
func (f *output) tryFolder(tried map[string]bool) error {
	dir := above(f.path)
	info, err := os.Stat(dir)
	for f.made && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		dir = above(dir)
		info, err = os.Stat(dir)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: the folder %s is not there", f.path, dir)
	case errors.Is(err, syscall.ENOTDIR), err == nil && !info.IsDir():
		return fmt.Errorf("%s: %s is no folder", f.path, dir)
	case err != nil:
		return fmt.Errorf("%s: %w", f.path, err)
	case tried[dir]:
		return nil
	}
	tried[dir] = true
	probe, err := os.MkdirTemp(dir, ".scalenet-probe-*")
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", f.path, errors.Unwrap(err))
	}
	return os.Remove(probe)
}

// above is the folder that a path is in. Unlike that of filepath.Dir it is where
// the system finds it, with ".." behind a link.
func above(path string) string {
	separator := string(filepath.Separator)
	dir, _ := filepath.Split(strings.TrimRight(path, separator))
	if dir == "" {
		return "."
	}
	if dir = strings.TrimRight(dir, separator); dir == "" {
		return separator
	}
	return dir
}

// stagingName is in the names of the folders that outputs are written in before
// they are moved to their places. Those of killed processes go with the next output.
const stagingName = "scalenet"

// write has save write a file elsewhere and moves it to path: whole, and over
// nothing unless --force is given.
func (o *outputs) write(path string, save func(path string) error) error {
	dir, name := filepath.Split(path)
	return o.writeInto(dir, func(dir string) error { return save(filepath.Join(dir, name)) })
}

// writeInto has save fill a folder and moves its files to dir, which it makes,
// as write does.
func (o *outputs) writeInto(dir string, save func(dir string) error) (err error) {
	shown := ""
	if dir == "" {
		dir = "."
	} else {
		shown = within(dir, "")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	staging, release, err := checkpoint.TemporaryFolder(filepath.Join(resolve(dir), stagingName))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = &placedError{err, strings.ReplaceAll(err.Error(), staging+string(filepath.Separator), shown)}
		}
		err = errors.Join(err, os.RemoveAll(staging), release())
	}()
	if err := save(staging); err != nil {
		return err
	}
	entries, err := os.ReadDir(staging)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := o.move(filepath.Join(staging, e.Name()), shown+e.Name()); err != nil {
			return err
		}
	}
	return syncFolder(dir)
}

// move gives a file its name. Without --force it is a link, which a file that
// has appeared makes fail where a rename would replace it.
func (o *outputs) move(from, to string) error {
	if o.force {
		if old, err := os.Stat(to); err == nil {
			if err := os.Chmod(from, old.Mode().Perm()); err != nil {
				return err
			}
		}
		return os.Rename(from, to)
	}
	err := os.Link(from, to)
	if err == nil {
		return nil
	}
	if _, statErr := os.Lstat(to); statErr == nil {
		return thereError(to)
	}
	return os.Rename(from, to) // some file systems have no links
}

// syncFolder makes new names in a folder last through a power cut.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// placedError is an error with the name of the file that the user knows instead
// of the one that was written first.
type placedError struct {
	err  error
	text string
}

func (e *placedError) Error() string { return e.text }
func (e *placedError) Unwrap() error { return e.err }
