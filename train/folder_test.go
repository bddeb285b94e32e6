package train

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLockFolder runs itself as a process that locks a folder and hangs.
func TestLockFolder(t *testing.T) {
	if dir := os.Getenv("TRAIN_TEST_LOCK"); dir != "" {
		_, err := LockFolder(dir)
		fmt.Println(err)
		select {}
	}
	dir := filepath.Join(t.TempDir(), "run")
	command := exec.Command(os.Args[0], "-test.run=^TestLockFolder$")
	command.Env = append(os.Environ(), "TRAIN_TEST_LOCK="+dir)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Equal(t, "<nil>", lines.Text())
	_, err = LockFolder(dir)
	require.ErrorContains(t, err, fmt.Sprintf("%s: process %d writes to this folder", dir, command.Process.Pid))

	// A lock whose owner is gone, however it went, is taken over.
	require.NoError(t, command.Process.Kill())
	require.Error(t, command.Wait())
	require.FileExists(t, filepath.Join(dir, lockFile))
	lock, err := LockFolder(dir)
	require.NoError(t, err)
	_, err = LockFolder(dir)
	require.ErrorContains(t, err, fmt.Sprintf("process %d writes", os.Getpid()))
	require.NoError(t, lock.Close())
	require.NoFileExists(t, filepath.Join(dir, lockFile))
}

// One at a time has the folder, also while others let go of it.
func TestLockFolderRace(t *testing.T) {
	dir := t.TempDir()
	var holders, taken atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				lock, err := LockFolder(dir)
				if err != nil {
					continue
				}
				if holders.Add(1) != 1 {
					t.Error("two have the folder")
				}
				taken.Add(1)
				holders.Add(-1)
				if err := lock.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Positive(t, taken.Load())
}

// A run whose folder was taken away, and perhaps given to another run, ends and leaves it alone.
func TestReplacedFolder(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+"-moved") },
		"replaced": func(dir string) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			_, err := LockFolder(dir)
			return errors.Join(err, os.WriteFile(filepath.Join(dir, StateFile), []byte("another run"), 0o644))
		},
		"locked again": func(dir string) error {
			err := os.Remove(filepath.Join(dir, lockFile))
			_, errLock := LockFolder(dir)
			return errors.Join(err, errLock)
		},
	} {
		for when, prepare := range map[string]func(l *Loop[[]float32], m *quadratic, now func()){
			"before the start":  func(_ *Loop[[]float32], _ *quadratic, now func()) { now() },
			"in the first step": func(_ *Loop[[]float32], m *quadratic, now func()) { m.backward = func([]float32, []Metric) { now() } },
			"in an evaluation": func(_ *Loop[[]float32], m *quadratic, now func()) {
				m.evaluate = func(context.Context) error { now(); return nil }
			},
			"before an interrupt": func(l *Loop[[]float32], _ *quadratic, now func()) { l.SaveAsked = func() bool { now(); return true } },
			"at the end of an epoch": func(l *Loop[[]float32], _ *quadratic, now func()) {
				l.OnEpochEnd = func() error { now(); return nil }
			},
		} {
			t.Run(name+" "+when, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "run")
				lock, err := LockFolder(dir)
				require.NoError(t, err)
				loop, model := toy(dir)
				loop.Lock = lock
				var want map[string]string
				prepare(loop, model, sync.OnceFunc(func() {
					require.NoError(t, change(dir))
					want = texts(t, dir)
				}))
				require.EqualError(t, loop.Run(t.Context(), false), dir+": the folder of the run was moved or replaced: the run ends, and does not touch what is there now")
				require.NoError(t, lock.Close())
				require.Equal(t, want, texts(t, dir))
			})
		}
	}
}

// texts are the files of a folder, which need not exist.
func texts(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		files[filepath.Base(path)] = string(b)
	}
	return files
}

func TestReadBegun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	b, err := ReadBegun(dir)
	require.NoError(t, err)
	require.Equal(t, Begun{}, b)
	require.NoError(t, os.Mkdir(dir, 0o755))
	b, err = ReadBegun(dir)
	require.NoError(t, err)
	require.Equal(t, Begun{Started: true}, b)

	loop, _ := toy(dir)
	loop.Described = "a: 1\n"
	require.NoError(t, loop.Run(context.Background(), false))
	b, err = ReadBegun(dir)
	require.NoError(t, err)
	require.Equal(t, "a: 1\n", b.Config)
	require.Equal(t, 12, b.Step)
	require.Equal(t, "a,b", b.Saved["classes"])
	require.Empty(t, b.Kept)

	require.NoError(t, os.Remove(filepath.Join(dir, StateFile)))
	for _, name := range []string{LastFile, bestFile, evalCSV} {
		b, err = ReadBegun(dir)
		require.NoError(t, err)
		require.Equal(t, name, b.Kept)
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, StateFile), []byte("broken"), 0o644))
	_, err = ReadBegun(dir)
	require.ErrorContains(t, err, StateFile)
}

// notes are what a run tells.
type notes struct{ strings.Builder }

func noted(l *Loop[[]float32]) *notes {
	var n notes
	l.Progress = NewProgress(&n, 0)
	return &n
}

// An evaluation that fails, or a kill in it, leaves a state to go on from, and
// no model without a state.
func TestFirstSaveIsBeforeTheFirstEvaluation(t *testing.T) {
	want, dir := t.TempDir(), t.TempDir()
	loop, _ := toy(want)
	require.NoError(t, loop.Run(context.Background(), false))
	loop, model := toy(dir)
	model.evaluate = func(context.Context) error { return errors.New("a broken image") }
	require.EqualError(t, loop.Run(context.Background(), false), "a broken image")
	require.NoFileExists(t, filepath.Join(dir, bestFile))
	loop, _ = toy(dir)
	require.NoError(t, loop.Run(context.Background(), true))
	require.Equal(t, contents(t, want), contents(t, dir))
}

func TestLogsAreMended(t *testing.T) {
	want := t.TempDir()
	loop, _ := toy(want)
	loop.Config.SaveSteps = 2
	require.NoError(t, loop.Run(context.Background(), false))
	whole := contents(t, want)
	stopped := t.TempDir()
	loop, model := toy(stopped)
	loop.Config.SaveSteps = 2
	batches := 0
	model.backward = func([]float32, []Metric) {
		if batches++; batches == 13 {
			panic("killed")
		}
	}
	require.Panics(t, func() { loop.Run(context.Background(), false) })

	lines := func(text string, keep ...int) string {
		all, b := strings.SplitAfter(text, "\n"), ""
		for _, i := range keep {
			b += all[i]
		}
		return b
	}
	for name, c := range map[string]struct {
		damage func(train, eval, jsonl string) (string, string, string)
		want   string // a note
		same   bool   // the outcome is that of the uninterrupted run
	}{
		"ahead": {func(train, eval, jsonl string) (string, string, string) {
			return train + "99,9,1,1,1,1,1,1\n", eval + "99,9,1,1,true\n", jsonl + `{"kind":"train","step":99}` + "\n"
		}, "", true},
		"torn": {func(train, eval, jsonl string) (string, string, string) {
			return train + "99,9,1", eval + "\x00\x00", jsonl + `{"kind":"tr`
		}, "", true},
		"twice": {func(train, eval, jsonl string) (string, string, string) {
			return lines(train, 0, 1, 1, 2, 1, 2, 3), lines(eval, 0, 1, 1, 2), jsonl + jsonl
		}, "", true},
		"a row is missing": {func(train, eval, jsonl string) (string, string, string) {
			return lines(train, 0, 2, 3), eval, jsonl
		}, "train.csv: 1 of the 3 rows that the saved run has written are missing or damaged", false},
		"gone": {func(train, eval, jsonl string) (string, string, string) {
			return "", "", ""
		}, "log.jsonl: 5 of the 5 rows", false},
		"a broken row": {func(train, eval, jsonl string) (string, string, string) {
			return strings.Replace(train, "\n4,", "\n\",", 1), eval, jsonl
		}, "train.csv: ", false},
		"other columns": {func(train, eval, jsonl string) (string, string, string) {
			return strings.Replace(train, "near", "far away", 1), eval, jsonl
		}, "train.csv: has the columns step,epoch,lr,loss,far away", false},
		"no header": {func(train, eval, jsonl string) (string, string, string) {
			return "\xff\xfe" + train, strings.Repeat("\x00", 100), jsonl
		}, "eval.csv: has no header with a column step; it is kept as ", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(stopped)))
			var texts [3]string
			for i, name := range []string{trainCSV, evalCSV, LogFile} {
				b, err := os.ReadFile(filepath.Join(dir, name))
				require.NoError(t, err)
				texts[i] = string(b)
			}
			texts[0], texts[1], texts[2] = c.damage(texts[0], texts[1], texts[2])
			for i, name := range []string{trainCSV, evalCSV, LogFile} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(texts[i]), 0o644))
			}
			loop, _ := toy(dir)
			loop.Config.SaveSteps = 2
			notes := noted(loop)
			require.NoError(t, loop.Run(context.Background(), true))
			require.Contains(t, notes.String(), c.want)
			got := contents(t, dir)
			if c.same {
				require.Equal(t, whole, got)
				require.NotContains(t, notes.String(), "missing")
			}
			require.Equal(t, whole[LastFile], got[LastFile])
			require.Equal(t, whole[bestFile], got[bestFile])
		})
	}
}

func TestBestIsWrittenAgain(t *testing.T) {
	for _, batches := range []int{13, 0} { // stopped in the third epoch, or done
		dir := t.TempDir()
		loop, model := toy(dir)
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		model.backward = func([]float32, []Metric) {
			if n++; n == batches {
				cancel()
			}
		}
		err := loop.Run(ctx, false)
		require.Equal(t, batches > 0, err != nil)
		require.NoError(t, os.Remove(filepath.Join(dir, bestFile)))
		loop, model = toy(dir)
		notes := noted(loop)
		require.NoError(t, loop.Run(context.Background(), true))
		require.Contains(t, notes.String(), "best.safetensors: is gone")
		require.FileExists(t, filepath.Join(dir, bestFile))
		cancel()
	}
}

func TestOtherDataAreRefused(t *testing.T) {
	dir := t.TempDir()
	loop, _ := toy(dir) // as older programs save it, without digests
	require.NoError(t, loop.Run(context.Background(), false))
	loop, _ = toy(dir)
	loop.Data = map[string]string{"training": "a"}
	require.NoError(t, loop.Run(context.Background(), true), "an older state is taken")

	dir = t.TempDir()
	loop, _ = toy(dir)
	loop.Data = map[string]string{"training": "a", "validation": "b"}
	require.NoError(t, loop.Run(context.Background(), false))
	for _, name := range []string{"training", "validation"} {
		loop, _ = toy(dir)
		loop.Data = map[string]string{"training": "a", "validation": "b"}
		loop.Data[name] = "c"
		require.ErrorContains(t, loop.Run(context.Background(), true), "the "+name+" data differs from that at the start of the run")
	}
}

func TestWarmUp(t *testing.T) {
	dir := t.TempDir()
	loop, _ := toy(dir)
	loop.Config.Schedule.WarmupSteps = 13
	loop.Described = "a: 1\n"
	require.ErrorContains(t, loop.Run(context.Background(), false), "warmup_steps is 13, but the whole run has 12 steps")
	require.NoFileExists(t, filepath.Join(dir, ConfigFile))
	loop, _ = toy(dir)
	loop.Config.Schedule.WarmupSteps = 12
	require.NoError(t, loop.Run(context.Background(), false))
}

// A step that takes too long is abandoned, and the resumed run does it again.
func TestLongStepIsAbandoned(t *testing.T) {
	want, dir := t.TempDir(), t.TempDir()
	loop, _ := toy(want)
	require.NoError(t, loop.Run(context.Background(), false))
	stops := 0
	for resume := false; ; resume = true {
		loop, model := toy(dir)
		loop.grace = 1
		ctx, cancel := context.WithCancel(context.Background())
		batches := 0
		model.stop = func(ctx context.Context) error {
			if batches++; batches != 4 && batches != 5 { // the first batch of the third step, or its second
				return nil
			}
			if stops%2 == 0 && batches == 4 || stops%2 == 1 && batches == 5 {
				cancel()
			}
			if batches == 4 && stops%2 == 0 && ctx.Done() != nil { // a second batch is not abandoned
				<-ctx.Done()
			}
			return ctx.Err()
		}
		err := loop.Run(ctx, resume)
		cancel()
		if err == nil {
			break
		}
		var interrupted *InterruptedError
		require.ErrorAs(t, err, &interrupted)
		stops++
	}
	require.Greater(t, stops, 2)
	require.Equal(t, contents(t, want), contents(t, dir))
}

// Next may be what takes long.
func TestLongWaitIsAbandoned(t *testing.T) {
	loop, _ := toy(t.TempDir())
	loop.grace = 1
	ctx, cancel := context.WithCancel(context.Background())
	loop.Source = &stuck{counting{batches: 5}, cancel}
	var interrupted *InterruptedError
	require.ErrorAs(t, loop.Run(ctx, false), &interrupted)
	require.Equal(t, 2, interrupted.Step)
}

// stuck has a batch that never comes.
type stuck struct {
	counting
	stop func()
}

func (s *stuck) Next(ctx context.Context) ([]float32, error) {
	if s.batch == 4 {
		s.stop()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.counting.Next(ctx)
}
