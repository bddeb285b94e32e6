package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"scalenet/internal/spelling"
)

// This file has the error messages for invalid command lines: unknown commands and
// flags, invalid values, missing and unexpected arguments.

// checkUsage replaces the usage errors of cobra in a tree of commands.
func checkUsage(root *cobra.Command) {
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if err := missingFlags(c); err != nil {
			return err
		}
		return notFinite(c)
	}
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Show the help of a command",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(about, rest)
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
		Example: "  scalenet help detect\n  scalenet help classify train",
	})
}

// checkCommand returns an error if the command line names an unknown subcommand.
// Cobra would show the help of the parent command and succeed.
func checkCommand(root *cobra.Command, args []string) error {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	above, rest, err := root.Find(args)
	if err == nil && above.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") || strings.HasPrefix(rest[0], cobra.ShellCompRequestCmd) {
		return nil
	}
	return unknownCommand(above, rest)
}

func unknownCommand(above *cobra.Command, rest []string) error {
	name := shortened(rest[0])
	var commands []string
	for _, c := range above.Commands() {
		if !c.Hidden {
			commands = append(commands, c.Name())
		}
	}
	if len(commands) == 0 {
		return fmt.Errorf("unknown command %q: %s has no subcommands", name, above.CommandPath())
	}
	return fmt.Errorf("unknown command %q for %q%s", name, above.CommandPath(), spelling.DidYouMean(name, commands, strconv.Quote))
}

// flagError rewords an error of pflag.
func flagError(c *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(c, unknown)
	case errors.As(err, &missing):
		return fmt.Errorf("--%s: the value is missing", missing.GetFlag().Name)
	case errors.As(err, &invalid):
		return invalidValue(invalid)
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: a flag is written --name or --name=value", shortened(syntax.GetSpecifiedFlag()))
	}
	return err
}

func unknownFlag(c *cobra.Command, e *pflag.NotExistError) error {
	name := e.GetSpecifiedName()
	if letters := e.GetSpecifiedShortnames(); letters != "" { // such as -model or -t, of which it says the first letter
		return fmt.Errorf("unknown flag: -%s%s", shortened(letters), spelling.DidYouMean(letters, flagNames(c), dashed))
	}
	return fmt.Errorf("unknown flag: --%s%s", shortened(name), spelling.DidYouMean(name, flagNames(c), dashed))
}

func dashed(name string) string { return "--" + name }

func flagNames(c *cobra.Command) (names []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}

func invalidValue(e *pflag.InvalidValueError) error {
	flag, value := e.GetFlag(), shortened(e.GetValue())
	switch flag.Value.(type) {
	case *checked: // its errors say what is wanted
		return fmt.Errorf("--%s %q: %w", flag.Name, value, e.Unwrap())
	case *thresholdFlag: // its value may have quotes
		return fmt.Errorf("--%s %s: %w", flag.Name, value, e.Unwrap())
	}
	if errors.Is(e, strconv.ErrRange) {
		return fmt.Errorf("--%s %q: out of range, want %s", flag.Name, value, wanted(flag))
	}
	return fmt.Errorf("--%s %q: want %s", flag.Name, value, wanted(flag))
}

// wanted describes the values that a flag takes.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number that is not negative"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "duration":
		return "a time such as 500ms, 10s or 2m"
	case "moment":
		return "a time such as 90, 1.5, 1:30 or 1:02:30"
	case "intSlice":
		return "comma-separated whole numbers"
	case "stringToString":
		return "NAME=VALUE"
	case "stringSlice":
		return "comma-separated words"
	}
	return "a text"
}

// missingFlags returns an error that names the required flags that are not given.
func missingFlags(c *cobra.Command) error {
	var missing []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if needed := f.Annotations[cobra.BashCompOneRequiredFlag]; len(needed) > 0 && needed[0] == "true" && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s missing: %s", are(missing), usage(c))
}

func usage(c *cobra.Command) string { return strings.TrimSuffix(c.UseLine(), " [flags]") }

// are joins words and "is" or "are", as in "a, b and c are".
func are(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0] + " is"
	}
	return strings.Join(words[:last], ", ") + " and " + words[last] + " are"
}

// notFinite returns an error if the value of a flag is NaN or infinite.
func notFinite(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() != "float64" {
			return
		}
		if v, parseErr := strconv.ParseFloat(f.Value.String(), 64); parseErr != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			err = errors.Join(err, fmt.Errorf("--%s %s: want a finite number", f.Name, f.Value))
		}
	})
	return err
}

// takes returns a check of the positional arguments, given by name. A last name
// that ends in dots stands for one or more arguments. Without names the command
// takes no arguments.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		many := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
		switch {
		case len(args) < len(names):
			missing := slices.Clone(names[len(args):])
			for i, name := range missing {
				missing[i] = strings.TrimSuffix(name, "...")
			}
			return fmt.Errorf("%s missing: %s", are(missing), usage(c))
		case many || len(args) == len(names):
			return nil
		case len(names) == 0:
			return fmt.Errorf("unexpected argument %q: %s takes only flags", shortened(args[0]), c.CommandPath())
		}
		return fmt.Errorf("unexpected argument %q: %s takes %s", shortened(args[len(names)]), c.CommandPath(), strings.Join(names, " and "))
	}
}

// checked is a string flag whose value is checked when the command line is parsed.
type checked struct {
	to    *string
	check func(text string) (value string, err error) // says what is wanted
}

func (v *checked) String() string { return *v.to }
func (v *checked) Type() string   { return "string" }

func (v *checked) Set(text string) error {
	value, err := v.check(text)
	if err == nil {
		*v.to = value
	}
	return err
}

// choose defines a flag whose value is one of words. Upper case is accepted.
func choose(f *pflag.FlagSet, to *string, name, preset, usage string, words ...string) {
	*to = preset
	f.Var(&checked{to, func(text string) (string, error) {
		if at := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, text) }); at >= 0 {
			return words[at], nil
		}
		return "", errors.New("want " + spelling.Alternatives(words) + spelling.DidYouMean(text, words, strconv.Quote))
	}}, name, usage)
	offer(f, name, words...)
}

// offer says which values of a flag shells offer.
func offer(f *pflag.FlagSet, name string, words ...string) {
	if err := f.SetAnnotation(name, choice, words); err != nil {
		panic(err) // a flag that was just defined
	}
}

// choice is the annotation of a flag with the words that shells offer. completeChoices
// registers them, because a flag set does not know its command.
const choice = "scalenet_choice"

// completeChoices lets shells complete the values of the flags of a tree of commands.
func completeChoices(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if words := f.Annotations[choice]; words != nil {
			if err := c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveDefault)); err != nil {
				panic(err) // a flag that the command has
			}
		}
	})
	for _, sub := range c.Commands() {
		completeChoices(sub)
	}
}

// hide removes flags from the help: former names, which still work.
func hide(f *pflag.FlagSet, names ...string) {
	for _, name := range names {
		if err := f.MarkHidden(name); err != nil {
			panic(err) // a flag that was just defined
		}
	}
}

// shortened limits the length of a command line argument in a message.
func shortened(text string) string {
	const most = 80
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}
