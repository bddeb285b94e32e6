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
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "scalenet:", oneLine(err))
	return exitStatus(err)
}

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
