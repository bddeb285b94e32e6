package train

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"scalenet/checkpoint"
)

const lockFile = ".lock"

// ConfigFile is the resolved configuration of a run, in its folder.
const ConfigFile = "config.yaml"

// Lock keeps other processes from writing to the folder of a run. It ends with the
// process.
type Lock struct{ f *os.File }

// LockFolder creates a folder if it does not exist, and locks it. If another process
// has the lock, the error names folder and process. On a file system without locks
// the folder is not locked.
func LockFolder(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockFile)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		switch err := LockFile(f); {
		case errors.Is(err, ErrLocked):
			defer f.Close()
			return nil, fmt.Errorf("%s: %s writes to this folder: wait until it ends, stop it, or choose another --out", dir, owner(f))
		case err != nil:
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
		if current, err := isAt(f, path); err != nil || !current { // its last owner has just removed it
			if err := errors.Join(err, f.Close()); err != nil {
				return nil, err
			}
			continue
		}
		host, _ := os.Hostname() // for people only
		if err := rewrite(f, fmt.Sprintf("%d %s\n", os.Getpid(), host)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &Lock{f}, nil
	}
}

// isAt reports whether an open file is the file at path.
func isAt(f *os.File, path string) (bool, error) {
	open, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return os.SameFile(open, there), err
}

// ErrLocked is returned if another process has the lock.
var ErrLocked = errors.New("another process has locked it")

// LockFile locks an open file until it is closed. It returns ErrLocked if another
// process has the lock, and nil on a file system without locks.
func LockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrLocked
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOLCK):
		return nil
	}
	return err
}

// owner returns a description of the process in a lock file.
func owner(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 300))
	pid, host, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if err != nil || pid == "" { // it has just been locked
		return "another process"
	}
	if here, _ := os.Hostname(); host == here {
		return "process " + pid
	}
	return fmt.Sprintf("process %s on %s", pid, host)
}

func rewrite(f *os.File, text string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// Held returns an error if the folder is not the locked one any more, since another process can have locked what is in
// its place. A nil Lock is always held.
func (l *Lock) Held() error {
	if l == nil {
		return nil
	}
	current, err := isAt(l.f, l.f.Name())
	if err == nil && !current {
		err = fmt.Errorf("%s: the folder of the run was moved or replaced: the run ends, and does not touch what is there now", filepath.Dir(l.f.Name()))
	}
	return err
}

// Close unlocks the folder. A nil Lock locks nothing.
func (l *Lock) Close() error {
	if l == nil {
		return nil
	}
	current, err := isAt(l.f, l.f.Name())
	if current { // otherwise the file is the lock of another process
		err = os.Remove(l.f.Name())
	}
	return errors.Join(err, l.f.Close())
}

// Begun is the state of a run in a folder.
type Begun struct {
	// Saved is the metadata of the saved state, nil before the first save.
	Saved map[string]string
	// Step is the number of steps of the saved state.
	Step int
	// Random says that the saved state has that of a Rand, which the run goes on with.
	Random bool
	// Threads is the Loop.Threads of the saved state, 0 if it does not say.
	Threads int
	// Config is the text of config.yaml, "" if the file does not exist.
	Config string
	// Started says that a run was started, even if it has not saved anything.
	Started bool
	// Kept is a file that a run writes only after its first state, if it exists
	// although the state is missing; otherwise "".
	Kept string
}

// ReadBegun reads the state of the run in a folder, which need not exist.
func ReadBegun(dir string) (Begun, error) {
	var b Begun
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	b.Config = string(text)
	entries, errDir := os.ReadDir(dir)
	if errDir != nil && !errors.Is(errDir, fs.ErrNotExist) {
		return b, errDir
	}
	b.Started = errDir == nil && len(entries) == 0
	for _, e := range entries {
		b.Started = b.Started || slices.Contains([]string{ConfigFile, lockFile, trainCSV, LogFile}, e.Name())
	}
	path := filepath.Join(dir, StateFile)
	r, err := checkpoint.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		for _, name := range []string{LastFile, bestFile, evalCSV} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Size() > 0 {
				b.Kept = name
				break
			}
		}
		return b, nil
	}
	if err != nil {
		return b, err
	}
	defer r.Close()
	s, err := parseState(r.Metadata()[checkpoint.StateKey])
	if err != nil {
		return b, fmt.Errorf("%s: %w", path, err)
	}
	b.Saved, b.Step, b.Started, b.Random, b.Threads = r.Metadata(), s.Step, true, len(s.Rand) > 0, s.Threads
	return b, nil
}
