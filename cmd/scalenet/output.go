package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"scalenet/checkpoint"
)

// outputs is the rule for the files that a command writes, the same for every
// command:
//   - an existing file is refused unless --force is given
//   - an input file, by whatever path or link, is refused even with --force
//   - no two outputs may be the same file
//
// check applies the rule before anything is computed. write and writeInto apply
// it to files that have appeared since.
type outputs struct{ force bool }

// output is a file that a command is going to write.
type output struct {
	of   string // what it is the output of, such as a flag, for messages
	path string
	made bool // the folder is created if it does not exist
}

// outputFlag marks flags that name output files.
const outputFlag = "scalenet_output"

// flags adds --force to a command. named are the flags that name outputs.
func (o *outputs) flags(c *cobra.Command, named ...string) {
	c.Flags().BoolVar(&o.force, "force", false, "replace existing output files; input files are never replaced")
	for _, name := range named {
		if err := c.Flags().SetAnnotation(name, outputFlag, nil); err != nil {
			panic(err) // a flag that is not defined
		}
	}
}

// in returns the outputs names in the folder dir, which is created if it does not
// exist.
func in(dir, of string, names ...string) (list []output) {
	for _, name := range names {
		list = append(list, output{of: of, path: within(dir, name), made: true})
	}
	return list
}

// within returns the path of name in dir. Unlike filepath.Join it does not remove
// "..": after a link, ".." is the parent of the link's target.
func within(dir, name string) string {
	return strings.TrimRight(dir, string(filepath.Separator)) + string(filepath.Separator) + name
}

// check returns an error if an output breaks the rule or cannot be written. An
// input folder stands for all files in it.
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
				return fmt.Errorf("%s: is the output file of %s and cannot be the folder of %s", other.path, other.of, file.of)
			}
		}
	}
	return nil
}

// free returns an error if path exists and must not be replaced.
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
		return fmt.Errorf("%s: is not a regular file and cannot be replaced", path)
	case !o.force:
		return thereError(path)
	}
	return nil
}

func thereError(path string) error {
	return fmt.Errorf("%s: already exists; --force replaces it", path)
}

// tryFolder returns an error if no file can be created in the folder of the
// output, or in its deepest existing ancestor. tried holds the folders that were
// tried before.
func (f *output) tryFolder(tried map[string]bool) error {
	dir := above(f.path)
	info, err := os.Stat(dir)
	for f.made && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		dir = above(dir)
		info, err = os.Stat(dir)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: the folder %s does not exist", f.path, dir)
	case errors.Is(err, syscall.ENOTDIR), err == nil && !info.IsDir():
		return fmt.Errorf("%s: %s is not a folder", f.path, dir)
	case err != nil:
		return fmt.Errorf("%s: %w", f.path, err)
	case tried[dir]:
		return nil
	}
	tried[dir] = true
	if nameless, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_WRONLY, 0o600); err == nil { // of which a kill leaves nothing
		return nameless.Close()
	}
	probe, err := os.MkdirTemp(dir, ".scalenet-probe-*")
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", f.path, errors.Unwrap(err))
	}
	return os.Remove(probe)
}

// above returns the folder of path. Unlike filepath.Dir it is right for ".." after
// a link.
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

// stagingName is part of the names of the temporary folders in which outputs are
// written before they are moved. The next output removes those of killed processes.
const stagingName = "scalenet"

// write calls save with a temporary path and then moves the file to path, so that
// path is never incomplete. An existing file is replaced only with --force.
func (o *outputs) write(path string, save func(path string) error) error {
	dir, name := filepath.Split(path)
	return o.writeInto(dir, func(dir string) error { return save(filepath.Join(dir, name)) })
}

// writeInto calls save with a temporary folder and then moves its files to dir, as
// write does. dir is created.
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

// move renames a file. Without --force it makes a hard link instead, which fails
// if the name exists, where a rename would replace the file.
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

// syncFolder syncs a folder, so that new names in it survive a power failure.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// placedError is an error whose text has the path of the output instead of the
// temporary path.
type placedError struct {
	err  error
	text string
}

func (e *placedError) Error() string { return e.text }
func (e *placedError) Unwrap() error { return e.err }
