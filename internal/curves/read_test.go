package curves

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/train"
)

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ row, want string }{
		"long line":       {strings.Repeat("x", 2<<20), "line 2: has more than 1048576 bytes"},
		"zeros, and more": {strings.Repeat("\x00", 2<<20) + "x", "line 2: has more than 1048576 bytes"},
		"zeros, a line":   {"\x00\x00\n", `line 2: not a JSON object: "\x00\x00"`},
		"too large":       {`{"kind":"eval","epoch":1,"AP":1e309}` + "\n", "line 2: AP is 1e309: the number is too large"},
		"NaN":             {`{"kind":"eval","epoch":1,"AP":NaN,"AP50":1}` + "\n", "line 2: AP is NaN: want a number"},
		"no value":        {`{"kind":"eval","epoch":1,"AP":}` + "\n", "line 2: AP is : want a number"},
		"list":            {`{"kind":"eval","AP":[1]}` + "\n", "line 2: AP is not a plain value"},
		"large epoch":     {`{"kind":"eval","epoch":1e300,"AP":1}` + "\n", "line 2: epoch is 1e+300: want a whole number from 0 to 9007199254740992"},
		"part of a step":  {`{"kind":"train","step":1.5,"loss":1}` + "\n", "line 2: step is 1.5: want a whole number"},
		"control":         {`{"kind":"eval","\u001b[31m":[1]}` + "\n", `line 2: "\x1b[31m" is not a plain value`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeLog(t, dir, `{"kind":"eval","epoch":1,"AP":0.5}`+"\n"+c.row)
			_, err := Read(dir, "")
			require.ErrorContains(t, err, filepath.Join(dir, train.LogFile)+": "+c.want)
			require.Less(t, len(err.Error()), 400)
		})
	}
}

// A power cut leaves zeros at the end of a file.
func TestReadAfterPowerCut(t *testing.T) {
	for name, end := range map[string]string{
		"few": "\x00\x00", "many": strings.Repeat("\x00", 3<<20), "after a part": `{"kind":"ev` + strings.Repeat("\x00", 3<<20),
	} {
		dir := t.TempDir()
		writeLog(t, dir, `{"kind":"eval","epoch":1,"AP":0.5}`+"\n"+end)
		c, err := Read(dir, "")
		require.NoError(t, err, name)
		require.Equal(t, []float64{0.5}, c.Values, name)
	}
}

func TestReadNoRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, os.Mkdir(pipe, 0o777))
	require.NoError(t, syscall.Mkfifo(filepath.Join(pipe, train.LogFile), 0o666))
	for _, c := range []struct{ dir, want string }{
		{"", `"": want the folder of a training run`},
		{file, file + ": not a training run: want its folder"},
		{pipe, filepath.Join(pipe, train.LogFile) + ": is not a regular file"},
	} {
		_, err := Read(c.dir, "")
		require.EqualError(t, err, c.want)
	}
}
