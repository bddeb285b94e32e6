// Command scalenet trains, evaluates and runs a Faster R-CNN with a ScaleNet backbone. Results go to stdout, progress and errors
// to stderr; every verb is a file here.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scalenet:", err)
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "scalenet",
		Short:         "Faster R-CNN with a ScaleNet backbone: train, evaluate, detect",
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
	}
	root.AddCommand(
		newDoctorCommand(),
	)
	return root
}
