package layout

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
)

// folders are the formats that are folders.
func folders() map[string]func(w *Writer, ctx context.Context, dir string, parts []Part) error {
	all := tools()
	all["COCO"], all["Pascal VOC"], all["YOLO"] = (*Writer).COCOFolder, (*Writer).VOC, (*Writer).YOLO
	return all
}

// listed is tree with the folders, of which an empty one is in the way, too.
func listed(t *testing.T, dir string) map[string]string {
	files := tree(t, dir)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			files[path] = "folder"
		}
		return err
	}))
	return files
}

// TestFailedAddLeavesNothing adds two parts to a folder, of which the second fails after the first was written. The folder is as it
// was, and the parts can be added when the reason is gone.
func TestFailedAddLeavesNothing(t *testing.T) {
	train, broken := tiny(t), tiny(t)
	writeFile(t, broken.ImagePath(1), "no image, whose size would be read")
	val, test, broken := renamed(t, train, "val"), renamed(t, train, "test"), renamed(t, broken, "test")
	for name, write := range folders() {
		for _, before := range []string{"an empty folder", "a data set"} {
			t.Run(name+" "+before, func(t *testing.T) {
				dir := t.TempDir()
				w := Writer{ImageFiles: Link, Add: true}
				if before == "a data set" {
					require.NoError(t, write(&w, t.Context(), dir, []Part{{"train", train}}))
				}
				was := listed(t, dir)
				if name != "COCO" { // which can do without the size
					require.ErrorContains(t, write(&w, t.Context(), dir, []Part{{"val", val}, {"test", broken}}), "images[1]")
					require.Equal(t, was, listed(t, dir))
				}
				ctx, cancel := context.WithCancel(t.Context())
				interrupted := Writer{ImageFiles: Copy, Add: true, Progress: func(done int) {
					if done == len(val.Images)+1 {
						cancel()
					}
				}}
				require.ErrorIs(t, write(&interrupted, ctx, dir, []Part{{"val", val}, {"test", test}}), context.Canceled)
				require.Equal(t, was, listed(t, dir))
				require.NoError(t, write(&w, t.Context(), dir, []Part{{"val", val}, {"test", test}}))
			})
		}
	}
}

// TestFailedFile writes a file of images that cannot be written. The images are not left.
func TestFailedFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out.json")
	require.NoError(t, os.Mkdir(file, 0o755))
	w := Writer{ImageFiles: Copy, Overwrite: true}
	require.Error(t, w.COCO(t.Context(), file, tiny(t)))
	require.Equal(t, map[string]string{dir: "folder", file: "folder"}, listed(t, dir))
}

// TestAddedClasses adds a part with another class to formats whose classes are in a file: it is refused before any image is there,
// and the same part with the classes of the file is not.
func TestAddedClasses(t *testing.T) {
	d := tiny(t)
	other := *d
	other.Categories = slices.Clone(d.Categories)
	other.Categories[0].Name = "dog & fox"
	for name, want := range map[string]string{
		"Open Images":  "class-descriptions-boxable.csv: cannot add a split: its classes are not those of " + d.Path,
		"Label Studio": `labels.xml: cannot add a split: no label "dog & fox", a class of ` + d.Path + `: add <Label value="dog &amp; fox"/> first`,
		"YOLO":         `data.yaml: names: class 0 is "ant & bee", but in ` + d.Path + ` "dog & fox"`,
	} {
		t.Run(name, func(t *testing.T) {
			write := folders()[name]
			dir := filepath.Join(t.TempDir(), "out")
			w := Writer{ImageFiles: Link, Add: true}
			require.NoError(t, write(&w, t.Context(), dir, []Part{{"train", d}}))
			was := listed(t, dir)
			refused := Writer{ImageFiles: Link, Add: true}
			require.ErrorContains(t, write(&refused, t.Context(), dir, []Part{{"val", &other}}), want)
			require.Zero(t, refused.Images)
			require.Equal(t, was, listed(t, dir))
			require.NoError(t, write(&w, t.Context(), dir, []Part{{"val", d}}))
		})
	}
}

// TestStudioLabels: the configuration has the classes of all parts, and one of the user is checked and kept.
func TestStudioLabels(t *testing.T) {
	d := tiny(t)
	other := *d
	other.Categories = slices.Clone(d.Categories)
	other.Categories[0].Name = "dog"
	dir := filepath.Join(t.TempDir(), "out")
	w := Writer{ImageFiles: Link, Add: true}
	require.NoError(t, w.LabelStudio(t.Context(), dir, []Part{{"train", d}, {"val", &other}}))
	file := filepath.Join(dir, "labels.xml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image">
    <Label value="ant &amp; bee"/>
    <Label value="&lt;none&gt;"/>
    <Label value="cat"/>
    <Label value="dog"/>
  </RectangleLabels>
</View>
`, string(text))

	writeFile(t, file, `<View><Image name="image" value="$image"/></View>`)
	require.ErrorContains(t, w.LabelStudio(t.Context(), dir, []Part{{"test", d}}), "labels.xml: cannot add a split: no RectangleLabels")
	cased := `<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image"><Label value="ant &amp; bee"/><Label value="&lt;none&gt;"/><Label value="Cat"/></RectangleLabels></View>`
	writeFile(t, file, cased)
	require.ErrorContains(t, w.LabelStudio(t.Context(), dir, []Part{{"test", d}}), `no label "cat"`)
	require.NoDirExists(t, filepath.Join(dir, "images", "test"))
	mended := cased[:len(cased)-len("</RectangleLabels></View>")] + `<Label value="cat"/></RectangleLabels></View>`
	writeFile(t, file, mended)
	require.NoError(t, w.LabelStudio(t.Context(), dir, []Part{{"test", d}}))
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, mended, string(text))
}

// renamed returns a data set with files of other names: Pascal VOC has those of all parts in one folder.
func renamed(t *testing.T, d *coco.Dataset, prefix string) *coco.Dataset {
	other := *d
	other.ImagesDir = t.TempDir()
	other.Images = slices.Clone(d.Images)
	for i := range other.Images {
		other.Images[i].FileName = prefix + " " + filepath.Base(d.Images[i].FileName)
		require.NoError(t, os.Symlink(d.ImagePath(i), other.ImagePath(i)))
	}
	return &other
}

// A slash at the end of a folder's name changes nothing.
func TestNewFolderSeparator(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	require.NoError(t, NewFolder(dir+"/", false, func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "a"), nil, 0o644)
	}))
	require.FileExists(t, filepath.Join(dir, "a"))
	require.ErrorContains(t, NewFolder(dir+"/", false, nil), "already exists")
}
