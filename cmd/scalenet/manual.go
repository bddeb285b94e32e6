package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// newManualCommand returns the command that packages are made with. It is not shown in the help.
func newManualCommand() *cobra.Command {
	var date string
	c := &cobra.Command{
		Use:    "manual DIR",
		Hidden: true,
		Short:  "Write the man pages and the shell completions into a folder",
		Long: `Write one man page per command to DIR/man/man1, and the completions of bash, zsh and
fish below DIR where a prefix such as /usr/share has them.`,
		Args: takes("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			day, err := time.Parse(time.DateOnly, date)
			if err != nil {
				return fmt.Errorf("--date %q: want a day such as 2026-01-31", date)
			}
			return writeManual(c.Root(), args[0], day)
		},
		Example: "  scalenet manual --date 2026-01-31 build/share",
	}
	c.Flags().StringVar(&date, "date", time.Now().UTC().Format(time.DateOnly), "date of the man pages")
	return c
}

// toMarkdown makes Markdown, which package doc reads, of the plain help texts of a command and all below it. Descriptions keep their lines. done are the flags
// that are Markdown already: subcommands share some.
func toMarkdown(c *cobra.Command, done map[*pflag.Flag]bool) {
	escape := strings.NewReplacer("\\", `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "&", `\&`).Replace
	name, arguments, _ := strings.Cut(c.Use, " ")
	c.Use, c.Short = strings.TrimSpace(name+" "+escape(arguments)), escape(c.Short)
	if c.Long != "" {
		c.Long = "```\n" + c.Long + "\n```"
	}
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if !done[f] {
				f.Usage, done[f] = escape(f.Usage), true
			}
		})
	}
	for _, sub := range c.Commands() {
		toMarkdown(sub, done)
	}
}

// writeManual writes the man pages and completions of all commands into the folder share.
func writeManual(root *cobra.Command, share string, day time.Time) error {
	pages := filepath.Join(share, "man", "man1")
	if err := os.MkdirAll(pages, 0o755); err != nil {
		return err
	}
	root.DisableAutoGenTag = true
	toMarkdown(root, map[*pflag.Flag]bool{})
	header := &doc.GenManHeader{Section: "1", Date: &day, Source: "scalenet", Manual: "ScaleNet Detector"}
	if err := doc.GenManTree(root, header, pages); err != nil {
		return err
	}
	for path, write := range map[string]func(string) error{
		"bash-completion/completions/scalenet":    func(path string) error { return root.GenBashCompletionFileV2(path, true) },
		"zsh/vendor-completions/_scalenet":        root.GenZshCompletionFile,
		"fish/vendor_completions.d/scalenet.fish": func(path string) error { return root.GenFishCompletionFile(path, true) },
	} {
		path = filepath.Join(share, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := write(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}
