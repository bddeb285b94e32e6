package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// writingCase is a command that writes. In its arguments IN stands for a file
// that it reads and OUT for what it writes.
type writingCase struct {
	subcommand string
	input      string   // what IN is a copy of
	args       []string // all but the subcommand
	files      []string // written below OUT; none where OUT is the file
	ends       string   // what the name of OUT ends in
	run        bool     // also without --force, and with it again
}

func writingCases(t *testing.T) []writingCase {
	image := filepath.Join(imagesDir, "IMG_2385.png")
	dir := t.TempDir()
	gt := write(t, filepath.Join(dir, "gt.json"), `{"images": [{"id": 1}], "categories": [{"id": 3, "name": "a"}],
		"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 20]}]}`)
	dt := write(t, filepath.Join(dir, "dt.json"), `[{"image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 20], "score": 0.5}]`)
	log := write(t, filepath.Join(dir, "structure.json"), structureOf(t))
	return []writingCase{
		// What is refused is refused before a model is looked for.
		{subcommand: "detect", input: image, args: []string{"--model", "none.safetensors", "--out", "OUT", "IN"}, files: []string{"in.jpg"}},
		{subcommand: "detect", input: image, args: []string{"--model", "../../models/bccd.safetensors", "--out", "OUT", "IN"}, files: []string{"in.jpg"}, run: true},
		{subcommand: "detect", input: image, args: []string{"--model", "../../models/bccd.safetensors", "--format", "coco", "--output", "OUT", "IN"}, run: true},
		{subcommand: "detect", input: image, args: []string{"--model", "../../models/bccd.safetensors", "--format", "yolo", "--out", "OUT", "IN"}, files: []string{"labels/in.txt", "data.yaml"}, run: true},
		{subcommand: "export", input: image, args: []string{"--model", "IN", "--onnx", "OUT"}, ends: ".onnx"},
		{subcommand: "export", input: image, args: []string{"--model", "../../models/bccd.safetensors", "--onnx", "OUT"}, ends: ".onnx", run: true},
		{subcommand: "quantize", input: image, args: []string{"--model", "IN", "--data", instancesFile, "--images", imagesDir, "--out", "OUT"}, ends: ".safetensors"},
		{subcommand: "eval", input: instancesFile, args: []string{"--model", "none.safetensors", "--data", "IN", "--images", imagesDir, "--results", "OUT"}},
		{subcommand: "eval", input: image, args: []string{"--model", "IN", "--data", instancesFile, "--images", imagesDir, "--results", "OUT"}},
		{subcommand: "eval", input: instancesFile, args: []string{"--model", "none.safetensors", "--data", "IN", "--images", imagesDir, "--report", "OUT"}, files: []string{"report.json", "errors.png"}},
		{subcommand: "eval", input: image, args: []string{"--model", "IN", "--data", instancesFile, "--images", imagesDir, "--report", "OUT"}, files: []string{"report.html"}},
		{subcommand: "coco eval", input: gt, args: []string{"--gt", "IN", "--dt", dt, "--report", "OUT"}, files: []string{"report.json", "errors.png"}, run: true},
		{subcommand: "coco eval", input: dt, args: []string{"--gt", gt, "--dt", "IN", "--report", "OUT"}, files: []string{"report.html", "confusion.png"}},
		{subcommand: "convert", input: "../../checkpoint/testdata/small.safetensors", args: []string{"IN", "OUT"}, ends: ".safetensors", run: true},
		{subcommand: "convert", input: "../../checkpoint/testdata/small.safetensors", args: []string{"--like", "IN", "../../checkpoint/testdata/small.safetensors", "OUT"}, ends: ".safetensors", run: true},
		{subcommand: "allocate", input: log, args: []string{"--even", "--model", "cifar_scalenet38", "--out", "OUT"}, ends: ".json", run: true},
		{subcommand: "allocate", input: log, args: []string{"--structure", "IN", "--plots", "OUT"}, files: []string{"proportions.png", "receptive.png"}, run: true},
		{subcommand: "allocate seed", input: log, args: []string{"--model", "IN", "--out", "OUT"}, ends: ".json", run: true},
		{subcommand: "data check", input: instancesFile, args: []string{"--images", imagesDir, "--plots", "OUT", "IN"}, files: []string{"sizes.png", "classes.png"}, run: true},
		{subcommand: "data view", input: instancesFile, args: []string{"--images", imagesDir, "--out", "OUT", "IN"}, ends: ".png", run: true},
		{subcommand: "data audit", input: instancesFile, args: []string{"--images", imagesDir, "--results", dt, "--out", "OUT", "IN"}, files: []string{"audit.html", "audit.json"}},
		{subcommand: "data convert", input: instancesFile, args: []string{"--images", imagesDir, "IN", "OUT"}, ends: ".json", run: true},
		{subcommand: "data split", input: instancesFile, args: []string{"--images", imagesDir, "--first", "OUT", "--second", "OUT.second", "IN"}, run: true},
		{subcommand: "data split", input: instancesFile, args: []string{"--images", imagesDir, "--second", "OUT", "--first", "OUT.first", "IN"}},
	}
}

func structureOf(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "s.json")
	status, _, stderr := scalenet("allocate", "seed", "--model", "scalenet50", "--out", file)
	require.Zero(t, status, stderr)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// command is the whole command line.
func (c writingCase) command(in, out string, more ...string) []string {
	args := strings.Fields(c.subcommand)
	for _, a := range c.args {
		switch rest, isOut := strings.CutPrefix(a, "OUT"); {
		case a == "IN":
			a = in
		case isOut:
			a = out + rest
		}
		args = append(args, a)
	}
	return append(args, more...)
}

// written is one of the files that it writes.
func (c writingCase) written(out string, i int) string {
	if c.files == nil {
		return out
	}
	return filepath.Join(out, c.files[i])
}

// copied puts IN into a folder.
func (c writingCase) copied(t *testing.T, dir string) string {
	text, err := os.ReadFile(c.input)
	require.NoError(t, err)
	return write(t, filepath.Join(dir, "in"+filepath.Ext(c.input)), string(text))
}

func TestNothingIsWrittenOver(t *testing.T) {
	for _, c := range writingCases(t) {
		t.Run(strings.Join(append([]string{c.subcommand}, c.args...), " "), func(t *testing.T) {
			for i := range max(1, len(c.files)) {
				dir := t.TempDir()
				in, out := c.copied(t, dir), filepath.Join(dir, "out"+c.ends)
				file := c.written(out, i)
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
				write(t, file, "mine")
				status, _, stderr := scalenet(c.command(in, out)...)
				requireError(t, status, stderr, file+": already exists; --force replaces it")
				require.Equal(t, "mine", contents(t, filepath.Dir(file))[filepath.Base(file)])
				// Neither is a link to nothing, which may be a disk that is not mounted.
				require.NoError(t, os.Remove(file))
				require.NoError(t, os.Symlink(filepath.Join(dir, "nothing"), file))
				status, _, stderr = scalenet(c.command(in, out)...)
				requireError(t, status, stderr, file+": already exists")
				c.requireClean(t, dir)
			}
		})
	}
}

// An input is not written over by any of its names, nor with --force.
func TestNoInputIsWrittenOver(t *testing.T) {
	for _, c := range writingCases(t) {
		if !strings.Contains(strings.Join(c.args, " "), "IN") {
			continue
		}
		for name, alias := range map[string]func(in, file string) error{"hard link": os.Link, "symbolic link": os.Symlink} {
			t.Run(strings.Join(append([]string{c.subcommand}, c.args...), " ")+" by "+name, func(t *testing.T) {
				dir := t.TempDir()
				in, out := c.copied(t, dir), filepath.Join(dir, "out"+c.ends)
				before := contents(t, dir)
				file := c.written(out, 0)
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
				require.NoError(t, alias(in, file))
				status, _, stderr := scalenet(c.command(in, out, "--force")...)
				requireError(t, status, stderr, file+": is the input "+in)
				after, err := os.ReadFile(in)
				require.NoError(t, err)
				require.Equal(t, before[filepath.Base(in)], string(after))
				c.requireClean(t, dir)
			})
		}
	}
}

// Spellings of one path are one file.
func TestNoInputIsWrittenOverByAnySpelling(t *testing.T) {
	dir := t.TempDir()
	c := writingCase{input: instancesFile}
	in := c.copied(t, dir)
	before := contents(t, dir)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "a", "up")))
	require.NoError(t, os.Symlink(filepath.Join("a", "b"), filepath.Join(dir, "down"))) // down/.. is a
	t.Chdir(dir)
	for _, out := range []string{"in.json", "./in.json", "a/../in.json", "a/up/in.json", "down/../up/in.json", in, "//" + in} {
		status, _, stderr := scalenet("data", "split", "--force", "--first", "x.json", "--second", out, in)
		requireError(t, status, stderr, out+": is the input")
	}
	// Not the input, though it seems so: a/in.json.
	status, _, stderr := scalenet("data", "convert", in, "down/../in.json")
	require.Zero(t, status, stderr)
	require.FileExists(t, filepath.Join(dir, "a", "in.json"))
	status, _, stderr = scalenet("data", "split", "--first", "a/x.json", "--second", "down/../x.json", in)
	requireError(t, status, stderr, "--first and --second are both")
	after, err := os.ReadFile(in)
	require.NoError(t, err)
	require.Equal(t, before["in.json"], string(after))
}

func (c writingCase) requireClean(t *testing.T, dir string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		require.NotContains(t, path, ".tmp-", "nothing is left of a refusal")
		return err
	}))
}

// What is new is written, and replaced with --force.
func TestForceReplaces(t *testing.T) {
	for _, c := range writingCases(t) {
		if !c.run {
			continue
		}
		t.Run(strings.Join(append([]string{c.subcommand}, c.args...), " "), func(t *testing.T) {
			dir := t.TempDir()
			in, out := c.copied(t, dir), filepath.Join(dir, "out"+c.ends)
			status, _, stderr := scalenet(c.command(in, out)...)
			require.Zero(t, status, stderr)
			file := c.written(out, 0)
			first, err := os.ReadFile(file)
			require.NoError(t, err)
			c.requireClean(t, dir)
			status, _, stderr = scalenet(c.command(in, out)...)
			requireError(t, status, stderr, "already exists; --force replaces it")
			require.NoError(t, os.Chmod(write(t, file, "old"), 0o600))
			status, _, stderr = scalenet(c.command(in, out, "--force")...)
			require.Zero(t, status, stderr)
			again, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, first, again)
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), "the permissions stay")
			c.requireClean(t, dir)
		})
	}
}

// The curves of a run are not drawn into the run over what is there.
func TestCurvesAreNotWrittenOver(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "run"), 0o755))
	log := write(t, filepath.Join(dir, "run", "evaluations.csv"), "epoch,top1\n1,0.5\n")
	mine := write(t, filepath.Join(t.TempDir(), "mine.png"), "mine")
	run := filepath.Join(dir, "run")
	status, _, stderr := scalenet("curves", "--out", mine, run)
	requireError(t, status, stderr, mine+": already exists; --force replaces it")
	status, _, stderr = scalenet("curves", "--force", "--out", log, run)
	requireError(t, status, stderr, log+": is part of the input "+run)
	require.Equal(t, "mine", contents(t, filepath.Dir(mine))["mine.png"])
}

// The folder of the outputs may lie in that of the inputs, and be a link.
func TestDetectIntoTheFolderItself(t *testing.T) {
	dir := t.TempDir()
	album, model := filepath.Join(dir, "album"), "../../models/bccd.safetensors"
	require.NoError(t, os.MkdirAll(filepath.Join(album, "a"), 0o755))
	text, err := os.ReadFile(filepath.Join(imagesDir, "IMG_2385.png"))
	require.NoError(t, err)
	write(t, filepath.Join(album, "a", "1.png"), string(text))
	require.NoError(t, os.Symlink(album, filepath.Join(dir, "link")))
	boxes := filepath.Join(album, "boxes")
	for _, args := range [][]string{{album}, {"--force", album}, {"--force", filepath.Join(dir, "link")}} {
		status, stdout, stderr := scalenet(append([]string{"detect", "--model", model, "--out", boxes}, args...)...)
		require.Zero(t, status, stderr)
		require.Equal(t, 1, strings.Count(stdout, "objects"), "the outputs are no inputs: %s", stdout)
		require.FileExists(t, filepath.Join(boxes, "a", "1.jpg"))
	}
	// Into the folder itself goes what is new.
	status, _, stderr := scalenet("detect", "--model", model, "--out", album, album+"/a")
	require.Zero(t, status, stderr)
	require.FileExists(t, filepath.Join(album, "1.jpg"))
	// The folder above is not that of the outputs alone.
	status, stdout, stderr := scalenet("detect", "--model", model, "--out", dir, album+"/a")
	require.Zero(t, status, stderr)
	require.Equal(t, 1, strings.Count(stdout, "objects"))
	// By a link that is a folder of the inputs.
	write(t, filepath.Join(album, "a", "2.jpg"), string(text))
	require.NoError(t, os.Symlink(album, filepath.Join(dir, "out")))
	status, _, stderr = scalenet("detect", "--force", "--model", "none", "--out", filepath.Join(dir, "out"), album)
	requireError(t, status, stderr, "is the input "+filepath.Join(album, "1.jpg"))
}

// A file that appears after the check is not lost, either.
func TestWriteIsNoRace(t *testing.T) {
	dir := t.TempDir()
	file, o := filepath.Join(dir, "out.txt"), outputs{}
	require.NoError(t, o.check(nil, output{of: "--out", path: file}))
	err := o.write(file, func(path string) error {
		write(t, file, "theirs")
		return os.WriteFile(path, []byte("ours"), 0o644)
	})
	require.ErrorContains(t, err, file+": already exists")
	require.Equal(t, map[string]string{"out.txt": "theirs"}, contents(t, dir))
	o.force = true
	require.NoError(t, o.write(file, func(path string) error { return os.WriteFile(path, []byte("ours"), 0o644) }))
	require.Equal(t, map[string]string{"out.txt": "ours"}, contents(t, dir))
	err = o.write(file, func(path string) error { return &fs.PathError{Op: "write", Path: path, Err: fs.ErrInvalid} })
	require.EqualError(t, err, "write "+file+": invalid argument")
	require.Equal(t, map[string]string{"out.txt": "ours"}, contents(t, dir))
}

func TestOutputsThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), "")
	for path, want := range map[string]string{
		filepath.Join(dir, "none", "x"): "the folder " + filepath.Join(dir, "none") + " does not exist",
		filepath.Join(file, "x"):        filepath.Join(file, "x") + ": " + file + " is not a folder",
		dir:                             "is a folder",
		"":                              "want the name of a file",
		dir + "/":                       "want the name of a file",
		"/dev/null":                     "is not a regular file",
	} {
		o := outputs{force: true}
		require.ErrorContains(t, o.check(nil, output{of: "--out", path: path}), want, path)
	}
	o := outputs{}
	require.NoError(t, o.check(nil, in(filepath.Join(dir, "a", "b"), "--out", "c/d.jpg")...))
	require.NoDirExists(t, filepath.Join(dir, "a"), "checking makes nothing")
	require.ErrorContains(t, o.check(nil, in(file, "--out", "d.jpg", "a/d.jpg")...), file+" is not a folder")
	require.ErrorContains(t, o.check(nil, in(within(file, "b"), "--out", "a/d.jpg")...), file+" is not a folder")
	require.ErrorContains(t, o.check(nil, output{of: "--out", path: "x"}, output{of: "--plots", path: "./x/y", made: true}), "x: is the output file of --out and cannot be the folder of --plots")
}

// looksLikeOutput is what the help of a flag that names an output may say.
var looksLikeOutput = regexp.MustCompile(`(?i)\bwrite\b|^(folder|file|image) (for|to)\b|folder of the (run|search)`)

// Every command that writes is in the table, or makes a new folder, which never takes
// --force.
func TestEveryVerbThatWritesIsInTheTable(t *testing.T) {
	known := map[string]bool{"curves": true, "pull": true, "merge": true} // have tests of their own: they need runs, a server, and parts
	for _, c := range writingCases(t) {
		known[c.subcommand] = true
	}
	makesFolder := map[string]bool{"train": true, "classify train": true, "classify search": true, "data tile": true}
	helps := map[string]bool{}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		command := strings.TrimPrefix(c.CommandPath(), "scalenet ")
		writes := strings.Contains(c.Use, "OUT")
		c.Flags().VisitAll(func(f *pflag.Flag) {
			_, marked := f.Annotations[outputFlag]
			if looksLikeOutput.MatchString(f.Usage) && f.Name != "force" && !makesFolder[command] {
				require.True(t, marked, "%s --%s names an output: outputs.flags marks it", command, f.Name)
			}
			writes = writes || marked || f.Name == "out"
		})
		force := c.Flags().Lookup("force")
		if makesFolder[command] {
			require.Nil(t, force, command)
		} else if writes || force != nil {
			require.True(t, known[command], "%s writes: give it a line in writingCases", command)
			require.NotNil(t, force, command)
			helps[force.Usage] = true
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRootCommand())
	require.Len(t, helps, 1, "--force is the same everywhere")
}

// The folder of a process that was killed while it wrote goes with the next output.
func TestOutputsRemoveAbandonedFolders(t *testing.T) {
	dir := t.TempDir()
	abandoned := filepath.Join(dir, ".scalenet.tmp-0")
	require.NoError(t, os.Mkdir(abandoned, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(abandoned, "half.jpg"), []byte("x"), 0o644))
	var o outputs
	require.NoError(t, o.write(filepath.Join(dir, "a.txt"), func(path string) error { return os.WriteFile(path, []byte("a"), 0o644) }))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "a.txt", entries[0].Name())
}
