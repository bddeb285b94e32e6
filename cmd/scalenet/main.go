// Command scalenet trains, evaluates and runs ScaleNet detectors.
//
// Each command has a file of its own. Results go to standard output, progress and
// errors to standard error. An error is one line. The exit status is 1 after an
// error, or the value of the error's ExitCode method.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode"

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
	err := checkCommand(root, args)
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

// printer writes to standard output and keeps the first error, such as that of a
// full disk, so that the command fails if its results could not be written.
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

// printError is an error of writing to standard output.
type printError struct{ err error }

func (e *printError) Error() string { return "standard output: " + e.err.Error() }
func (e *printError) Unwrap() error { return e.err }

// exitStatus returns 130 after Ctrl-C, the value of an ExitCode method of err, or 1.
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
		newMergeCommand(),
		newDetectCommand(),
		newServeCommand(),
		newAllocateCommand(),
		newSummaryCommand(),
		newConvertCommand(),
		newExportCommand(),
		newQuantizeCommand(),
		newPullCommand(),
		newCocoCommand(),
		newCurvesCommand(),
		newDataCommand(),
		newBenchCommand(),
		newDoctorCommand(),
		newManualCommand(),
	)
	checkUsage(root)
	completeChoices(root)
	return root
}

// version returns the module version, or the commit that the binary was built from.
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
	// A version derived from the commit by the toolchain would repeat the commit.
	if v := info.Main.Version; v != "" && v != "(devel)" && !strings.Contains(v, commit) {
		return strings.TrimSpace(v + " " + commit + modified)
	}
	return strings.TrimSpace("development " + commit + modified)
}

// oneLine returns the message of err without line breaks, which YAML errors have. Other
// control characters, which names of files may have, are escaped.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if errors.Is(err, context.Canceled) { // Ctrl-C
		text = strings.ReplaceAll(text, context.Canceled.Error(), "stopped")
	}
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
