package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	processor "golang.org/x/sys/cpu"

	"scalenet/collective"
	"scalenet/engine/cpu"
	"scalenet/imaging"
)

// finding is one line of the report. Problem says what is wrong and how to fix it, and is empty if the check passed.
type finding struct {
	Topic   string `json:"topic"`
	Value   string `json:"value"`
	Problem string `json:"problem,omitempty"`
}

func newDoctorCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check the installation: versions, CPU features, threads and memory",
		Long: `Show the versions of the program, Go, oneDNN and Open MPI, the CPU features that matter for speed, the number of threads and the memory, and
test reading and writing images. Exit status: 0 if all checks passed, 1 if a check found a problem.`,
		Example: "  scalenet doctor\n  scalenet doctor --json",
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			findings := diagnose()
			if err := writeFindings(command.OutOrStdout(), findings, asJSON); err != nil {
				return err
			}
			problems := 0
			for _, f := range findings {
				if f.Problem != "" {
					problems++
				}
			}
			if problems > 0 {
				return fmt.Errorf("doctor: %d of %d checks found a problem", problems, len(findings))
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON array of {topic, value, problem}")
	return command
}

func diagnose() []finding {
	findings := append([]finding{
		{Topic: "program", Value: programVersion()},
		{Topic: "Go", Value: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
		{Topic: "processor", Value: processorName(readOrEmpty("/proc/cpuinfo"))},
		{Topic: "instructions", Value: instructions(), Problem: missingInstructions()},
		{Topic: "threads", Value: threads()},
		{Topic: "memory", Value: memory(os.DirFS("/"))},
		{Topic: "OpenCV", Value: imaging.OpenCVVersion(), Problem: imagesProblem()},
		{Topic: "oneDNN", Value: cpu.Version() + ", " + cpu.ISA()},
	}, gpuFindings()...)
	return append(findings, libraryFinding("MPI", "several processes", collective.OpenMPI))
}

// libraryFinding names a library that is opened at run time. That it is not there is not a problem: it is needed for one thing only.
func libraryFinding(topic, need string, find func() (version, file string, err error)) finding {
	version, file, err := find()
	if err != nil {
		return finding{Topic: topic, Value: fmt.Sprintf("not found (needed for %s only): %v", need, err)}
	}
	return finding{Topic: topic, Value: fmt.Sprintf("%s (%s)", version, file)}
}

func writeFindings(w io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(findings)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(table, "%s\t%s\n", f.Topic, f.Value)
		if f.Problem != "" {
			fmt.Fprintf(table, "\tPROBLEM: %s\n", f.Problem)
		}
	}
	return table.Flush()
}

// programVersion returns the module version, or the commit of a build from a checkout.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			version += " " + s.Value[:12]
		}
	}
	return version
}

// readOrEmpty reads a file of /proc, or returns "" if the file cannot be read.
func readOrEmpty(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

// field returns the value of the first line "name : value" of a file of /proc.
func field(text, name string) (value string, found bool) {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

func processorName(cpuinfo string) string {
	if name, ok := field(cpuinfo, "model name"); ok {
		return name
	}
	return "unknown"
}

// instructions lists the instruction set extensions that decide which kernels run.
func instructions() string {
	var have []string
	for _, extension := range []struct {
		name string
		have bool
	}{
		{"AVX2", processor.X86.HasAVX2}, {"FMA", processor.X86.HasFMA}, {"AVX-512", processor.X86.HasAVX512F},
		{"AVX-512 VNNI", processor.X86.HasAVX512VNNI}, {"AVX-512 BF16", processor.X86.HasAVX512BF16},
		{"AMX BF16", processor.X86.HasAMXBF16}, {"Neon", processor.ARM64.HasASIMD},
	} {
		if extension.have {
			have = append(have, extension.name)
		}
	}
	if len(have) == 0 {
		return "none of the extensions that matter"
	}
	return strings.Join(have, ", ")
}

func missingInstructions() string {
	if runtime.GOARCH == "amd64" && !(processor.X86.HasAVX2 && processor.X86.HasFMA) {
		return "no AVX2 with FMA: everything works, but about ten times slower"
	}
	return ""
}

func threads() string {
	text := fmt.Sprintf("%d processors, GOMAXPROCS %d", runtime.NumCPU(), runtime.GOMAXPROCS(0))
	if omp, set := os.LookupEnv("OMP_NUM_THREADS"); set {
		text += ", OMP_NUM_THREADS " + omp
	}
	return text
}

func memory(root fs.FS) string {
	m, ok := readMemory(root)
	if !ok {
		return "unknown"
	}
	return m.String()
}

// imagesProblem writes an image in each format to memory and reads it back. It
// returns what went wrong, or "".
func imagesProblem() string {
	image := imaging.New(8, 8)
	for _, extension := range []string{".png", ".jpg"} {
		data, err := image.Encode(extension)
		if err != nil {
			return fmt.Sprintf("cannot write %s: %v", extension, err)
		}
		back, err := imaging.Decode(data, imaging.Limits{})
		if err != nil {
			return fmt.Sprintf("cannot read back a written %s: %v", extension, err)
		}
		if !bytes.Equal(back.Pix, image.Pix) {
			return fmt.Sprintf("a black image is not black after %s", extension)
		}
	}
	return ""
}
