package train

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckNewKnowsWhatRunsLeave(t *testing.T) {
	isConfig := func(text string) bool { return text == "ours" }
	for name, c := range map[string]struct{ ours, theirs []string }{
		ConfigFile:  {[]string{"ours"}, []string{"", "theirs"}},
		trainCSV:    {[]string{"", "step,epo", "step,epoch,lr,loss,a\n1,1,0.1,2,3\n"}, []string{"image,label\n", "step,epoch,accuracy\n"}},
		evalCSV:     {[]string{"", "step,epoch,AP\n"}, []string{"name\n"}},
		LogFile:     {[]string{"", `{"kind":"train","step":1}`}, []string{`{"time":"now"}`, "\x00"}},
		LossPlot:    {nil, []string{"", "\x89PNG"}},
		MetricsPlot: {nil, []string{""}},
	} {
		dir := t.TempDir()
		require.NoError(t, CheckNew(dir, isConfig))
		require.NoError(t, CheckNew(filepath.Join(dir, "none"), isConfig))
		path := filepath.Join(dir, name)
		for _, text := range c.ours {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			require.NoError(t, CheckNew(dir, isConfig), "%s %q", name, text)
		}
		for _, text := range c.theirs {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			require.EqualError(t, CheckNew(dir, isConfig), path+": already exists and is not a file of a training run: choose another --out", "%s %q", name, text)
		}
	}
}
