package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"scalenet/checkpoint"
	"scalenet/train"
)

// runFiles are the files that a resumed run reads from its folder.
func runFiles() []string {
	return []string{train.StateFile, train.ConfigFile, sourcesFile, trainList, valList}
}

// folderFile is what a process knows of a file in the folder of a run.
type folderFile struct {
	Digest string // "" if the file does not exist
	Step   int    // of a saved state
	Bytes  int64
}

// folder returns the folder from which this process reads the run in dir. Hosts that do not share the folder of the first process get
// copies of its files, which remove deletes. Files that differ are an error.
func (g group) folder(dir string) (local string, remove func(), err error) {
	remove = func() {}
	if g.Size() == 1 {
		return dir, remove, nil
	}
	own, err := lookInto(dir)
	if err != nil {
		return "", nil, err
	}
	text, err := json.Marshal(own)
	if err != nil {
		return "", nil, err
	}
	blocks, err := g.AllGather(text)
	if err != nil {
		return "", nil, err
	}
	var first map[string]folderFile
	missing := make([]bool, g.Size())
	for rank, block := range blocks {
		var have map[string]folderFile
		if err := json.Unmarshal(block, &have); err != nil {
			return "", nil, fmt.Errorf("the folder of rank %d: %w", rank, err)
		}
		if rank == 0 {
			first = have
		}
		if missing[rank], err = g.compareFolder(dir, rank, first, have); err != nil {
			return "", nil, &knownError{err}
		}
	}
	for _, m := range missing {
		if m {
			return g.copyFolder(dir, first, missing[g.Rank()])
		}
	}
	return dir, remove, nil
}

// lookInto describes the files of a run.
func lookInto(dir string) (map[string]folderFile, error) {
	found := map[string]folderFile{}
	for _, name := range runFiles() {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f := folderFile{Bytes: info.Size()}
		var text []byte
		if name == train.StateFile {
			text, f.Step, err = describeState(dir)
		} else {
			text, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, err
		}
		f.Digest = fmt.Sprintf("%x", sha256.Sum256(text))
		found[name] = f
	}
	return found, nil
}

// describeState returns the digest of a saved state as its metadata have it, and its step.
func describeState(dir string) (digest []byte, step int, err error) {
	begun, err := train.ReadBegun(dir)
	if err != nil {
		return nil, 0, err
	}
	r, err := checkpoint.Open(filepath.Join(dir, train.StateFile), checkpoint.NoVerify)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	d, err := r.Digest()
	return d[:], begun.Step, err
}

// compareFolder reports whether a process lacks files that the first process has.
func (g group) compareFolder(dir string, rank int, first, have map[string]folderFile) (lacks bool, err error) {
	for _, name := range runFiles() {
		a, b := first[name], have[name]
		if a.Digest == b.Digest {
			continue
		}
		path, other := filepath.Join(dir, name), fmt.Sprintf("rank %d on %s", rank, g.HostOf(rank))
		switch {
		case b.Digest == "":
			lacks = true
		case a.Digest == "":
			return false, fmt.Errorf("%s: %s has it, rank 0 on %s has not: begin the processes with the host that has the run, or remove what is left there", path, other, g.HostOf(0))
		case name == train.StateFile:
			return false, fmt.Errorf("%s: %s has the state after step %d, rank 0 on %s another one after step %d: remove the one that is left from before, or begin the processes with the host that has the run",
				path, other, b.Step, g.HostOf(0), a.Step)
		default:
			return false, fmt.Errorf("%s: that of %s differs from that of rank 0 on %s: remove the one that is left from before", path, other, g.HostOf(0))
		}
	}
	return lacks, nil
}

// copyPiece is how many bytes of a file all processes hold at once.
const copyPiece = 32 << 20

// copyFolder hands round the files of the first process. One that takes them keeps them in a folder of its own.
func (g group) copyFolder(dir string, files map[string]folderFile, takes bool) (local string, remove func(), err error) {
	local, remove = dir, func() {}
	if takes {
		if local, err = os.MkdirTemp("", "scalenet-run-*"); err != nil {
			return "", nil, err
		}
		remove = func() { os.RemoveAll(local) } // copies only
		defer func() {
			if err != nil {
				remove()
			}
		}()
	}
	for _, name := range runFiles() {
		if files[name].Digest == "" {
			continue
		}
		if err := g.copyFile(filepath.Join(dir, name), filepath.Join(local, name), files[name].Bytes, takes); err != nil {
			return "", nil, err
		}
	}
	return local, remove, nil
}

// copyFile hands round a file of the first process, which the others write to another path if they take it.
func (g group) copyFile(from, to string, size int64, takes bool) (err error) {
	var in io.Reader
	var out io.Writer = io.Discard
	switch {
	case g.first():
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	case takes:
		f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	block := make([]byte, min(size, copyPiece))
	for at := int64(0); at < size; at += copyPiece {
		piece := block[:min(size-at, copyPiece)]
		if in != nil {
			if _, err := io.ReadFull(in, piece); err != nil {
				return fmt.Errorf("%s: %w", from, err)
			}
		}
		if err := g.Broadcast(0, piece); err != nil {
			return err
		}
		if _, err := out.Write(piece); err != nil {
			return err
		}
	}
	return nil
}
