package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"scalenet/backbone"
)

// scalenet runs a command line in this process.
func scalenet(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(context.Background(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"frobnicate", `unknown command "frobnicate" for "scalenet"`},
		{"--frobnicate", "unknown flag: --frobnicate"},
		{"summary --frobnicate", "unknown flag: --frobnicate"},
		{"summary extra", `unexpected argument "extra": scalenet summary takes only flags`},
		{"summary --classes many", "--classes \"many\": want a whole number\n"},
		{"evl", `unknown command "evl" for "scalenet"; did you mean "eval"?`},
		{"classify trian", `unknown command "trian" for "scalenet classify"; did you mean "train"?`},
		{"data chek x --images y", `unknown command "chek" for "scalenet data"; did you mean "check"?`},
		{"coco evl --gt x", `did you mean "eval"?`},
		{"help trian", `unknown command "trian" for "scalenet"; did you mean "train"?`},
		{"help classify prdict", `did you mean "predict"?`},
		{"help detect x", `unknown command "x": scalenet detect has no subcommands`},
		{"completion bsh", `did you mean "bash"?`},
		{"detect --trheshold 0.5 x", "unknown flag: --trheshold; did you mean --threshold?\n"},
		{"detect --trheshold=0.5 x", "unknown flag: --trheshold; did you mean --threshold?\n"},
		{"detect -model x", "unknown flag: -model; did you mean --model?"},
		{"detect -q x", "unknown flag: -q\n"},
		{"classify train --rsume", "did you mean --resume?"},
		{"detect ---x", "---x: a flag is written --name or --name=value"},
		{"detect --model", "--model: the value is missing\n"},
		{"detect x", "--model is missing: scalenet detect --model FILE SOURCE..."},
		{"detect --model x", "SOURCE is missing: scalenet detect --model FILE SOURCE..."},
		{"coco eval", "--dt and --gt are missing"},
		{"convert", "IN and OUT are missing: scalenet convert IN OUT\n"},
		{"convert a", "OUT is missing"},
		{"convert a b c", `unexpected argument "c": scalenet convert takes IN and OUT`},
		{"coco compare --gt x a", "SECOND is missing"},
		{"detect --threads abc --model x y", "--threads \"abc\": want a whole number\n"},
		{"detect --threads 9999999999999999999 --model x y", `--threads "9999999999999999999": out of range, want a whole number`},
		{"detect --threshold x --model x y", "--threshold x: want a number from 0 to 1"},
		{"detect --threshold NaN --model x y", "--threshold NaN: want a number from 0 to 1"},
		{"coco eval --gt x --dt y --min-ap x", `--min-ap "x": want a number`},
		{"coco eval --gt x --dt y --min-ap NaN", "--min-ap NaN: want a finite number"},
		{"data split --fraction -inf --first a --second b c", "--fraction -Inf: want a finite number"},
		{"detect --json=maybe", `--json "maybe": want true or false`},
		{"allocate --neurons 1,x", `--neurons "1,x": want comma-separated whole numbers`},
		{"allocate --budget mac", `--budget "mac": want macs, block or neurons; did you mean "macs"?`},
		{"serve --max-wait 5 --model x", `--max-wait "5": want a time such as 500ms, 10s or 2m`},
		{"serve --deepstack-label x --model x", `--deepstack-label "x": want NAME=VALUE`},
		{"serve --log-level wran --model x", `did you mean "warn"?`},
		{"detect --device gpu --model x y", `did you mean "cuda"?`},
		{"detect --device cpuu --model x y", `did you mean "cpu"?`},
		{"detect --device cuda:x --model x y", `--device "cuda:x": want "cuda:N"`},
		{"train --preset defualt", `did you mean "default"?`},
		{"classify train --preset cifra", `did you mean "cifar"?`},
		{"data convert --to yol a b", `--to "yol": want coco, voc, yolo, labelme, cvat, labelstudio or openimages; did you mean "yolo"?`},
		{"summary --model scalnet50", `did you mean "scalenet50"?`},
		{"summary --all --size 5", "--all and --size: want only one of them"},
		{"detect --" + strings.Repeat("x", 1000), strings.Repeat("x", 80) + "...\n"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, stdout, stderr := scalenet(strings.Fields(c.args)...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %q", stderr)
			require.Contains(t, stderr, c.want)
			require.NotRegexp(t, `strconv|parsing|flag needs|invalid argument|arg\(s\)`, stderr, "words of the libraries")
		})
	}
}

// Shells offer the words of flags that take only some.
func TestCompletion(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"detect --format", "text jsonl csv coco yolo voc labelstudio"},
		{"detect --draw", "boxes labels none"},
		{"detect --merge", "nms greedy-nmm"},
		{"detect --device", "cpu cuda ref"},
		{"serve --log-level", "debug info warn error"},
		{"allocate --budget", "macs block neurons"},
		{"allocate --importance", "gamma output loss"},
		{"convert --dtype", "float32 float16 bfloat16"},
		{"data convert --to", "coco voc yolo labelme cvat labelstudio openimages"},
		{"summary --model", strings.Join(backbone.Names(), " ")},
	} {
		args := append(append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Fields(c.args)...), "")
		status, stdout, stderr := scalenet(args...)
		require.Zero(t, status, stderr)
		words := strings.Fields(stdout)
		require.Equal(t, c.want, strings.Join(words[:len(words)-1], " "), c.args) // the last one is for the shell
	}
}

func TestHelp(t *testing.T) {
	status, stdout, stderr := scalenet()
	require.Zero(t, status)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "summary")
	status, stdout, _ = scalenet("--version")
	require.Zero(t, status)
	require.Regexp(t, `^scalenet \S+`, stdout)
}

// Every verb that runs shows an example, which names the program and the verb.
func TestEveryVerbHasAnExample(t *testing.T) {
	var verbs func(c *cobra.Command)
	verbs = func(c *cobra.Command) {
		if c.Runnable() && !c.Hidden && c.Name() != "help" {
			require.Contains(t, c.Example, c.CommandPath(), c.CommandPath())
		}
		for _, sub := range c.Commands() {
			verbs(sub)
		}
	}
	verbs(newRootCommand())
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// Results that could not be printed are no success.
func TestStandardOutputThatIsFull(t *testing.T) {
	for _, args := range [][]string{
		{"--help"}, {"--version"}, {"summary"}, {"summary", "--all", "--json"}, {"doctor"}, {"bench", "--list"}, {"help", "detect"},
		{"detect", "--model", "../../models/bccd.safetensors", imagesDir}, {"detect", "--json", "--model", "../../models/bccd.safetensors", imagesDir},
	} {
		var stderr bytes.Buffer
		require.Equal(t, 1, run(t.Context(), args, full{}, &stderr), args)
		require.Equal(t, "scalenet: standard output: no space left on device\n", stderr.String(), args)
	}
}

type codedError struct{}

func (codedError) Error() string { return "stopped\nin the middle" }
func (codedError) ExitCode() int { return 130 }

func TestExitStatus(t *testing.T) {
	require.Equal(t, 130, exitStatus(codedError{}))
	require.Equal(t, 1, exitStatus(os.ErrNotExist))
	require.Equal(t, "stopped in the middle", oneLine(codedError{}))
	require.Equal(t, "a.jpg: stopped", oneLine(fmt.Errorf("a.jpg: %w", context.Canceled)))
	require.Equal(t, `größe "a\x1b[31m b.jpg"`, oneLine(errors.New("größe \"a\x1b[31m\nb.jpg\"")))
}

// The binary itself: what `go build` makes, not what the test's process does.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program := filepath.Join(t.TempDir(), "scalenet")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	stdout, err := exec.Command(program, "summary", "--model", "scalenet50", "--size", "224", "--json").Output()
	require.NoError(t, err)
	require.Contains(t, string(stdout), `"params":31483618,"macs":3818372352`)
	stdout, err = exec.Command(program, "bench", "--case", "nms-6000", "--rounds", "2", "--seconds", "0", "--json").Output()
	require.NoError(t, err)
	require.Contains(t, string(stdout), `"runs":2`)
	err = exec.Command(program, "summary", "--model", "nothing").Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	t.Run("serve", func(t *testing.T) { testServeProcess(t, program) })
	t.Run("address space", func(t *testing.T) { testAddressSpace(t, program) })
	t.Run("storm", func(t *testing.T) { testServeStorm(t, program) })
	t.Run("clients", func(t *testing.T) { testServeClients(t, program) })
}
