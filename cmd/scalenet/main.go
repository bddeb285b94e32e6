// Command scalenet trains, evaluates and runs ScaleNet detectors.
//
// Each verb has a file of its own. Results go to standard output, progress and
// errors to standard error; an error is one line and the exit status 1, or what
// the error's ExitCode method says.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run executes a command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if args == nil {
		args = []string{} // of nil cobra makes the process's own
	}
	root, printed := newRootCommand(), &printer{to: stdout}
	root.SetArgs(args)
	root.SetOut(printed)
	root.SetErr(stderr)
	err := checkVerb(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		err = printed.err
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "scalenet:", oneLine(err))
	return exitStatus(err)
}

// printer is standard output. It keeps the error of a write that failed, as on
// a full disk: results that nobody got are no success.
type printer struct {
	to  io.Writer
	err error
}

func (p *printer) Write(text []byte) (n int, err error) {
	if p.err != nil {
		return 0, p.err
	}
	if n, err = p.to.Write(text); err != nil {
		var of *fs.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		p.err = &printError{err}
	}
	return n, p.err
}

// printError is an error of standard output.
type printError struct{ err error }

func (e *printError) Error() string { return "standard output: " + e.err.Error() }
func (e *printError) Unwrap() error { return e.err }

// exitStatus is 1, what an error with its own code says, or 130 after Ctrl-C.
func exitStatus(err error) int {
	if errors.Is(err, context.Canceled) {
		return 130
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) && coded.ExitCode() > 0 {
		return coded.ExitCode()
	}
	return 1
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:                "scalenet",
		Short:              "Train, evaluate and run ScaleNet detectors",
		Version:            version(),
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true,
	}
	root.SetVersionTemplate("scalenet {{.Version}}\n")
	root.AddCommand(
		newTrainCommand(),
		newClassifyCommand(),
		newEvalCommand(),
		newDetectCommand(),
		newServeCommand(),
		newAllocateCommand(),
		newSummaryCommand(),
		newConvertCommand(),
		newCocoCommand(),
		newCurvesCommand(),
		newDataCommand(),
		newBenchCommand(),
		newDoctorCommand(),
	)
	checkUsage(root)
	return root
}

// version is the module's version, or the commit the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	// A version that the toolchain derived from the commit would say it twice.
	if v := info.Main.Version; v != "" && v != "(devel)" && !strings.Contains(v, commit) {
		return strings.TrimSpace(v + " " + commit + modified)
	}
	return strings.TrimSpace("development " + commit + modified)
}

// oneLine is an error's message without line breaks, which those of YAML have.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
