package detector

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/internal/shard"
)

// mergeTexts merges the lines of two parts, of two images and one.
func mergeTexts(t *testing.T, lines ...string) (paths []string, err error) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range []string{lines[0] + "\n" + lines[1], lines[2]} {
		head := fmt.Sprintf(`{"part":"eval","shard":"%d/2","total":3,"model":"m","data":"d"}`, i)
		paths = append(paths, filepath.Join(dir, fmt.Sprint("part", i)))
		require.NoError(t, os.WriteFile(paths[i], []byte(head+"\n"+text+"\n"), 0o644))
	}
	parts, err := shard.Open(paths)
	require.NoError(t, err)
	_, err = MergeParts(parts, "r")
	return paths, err
}

func TestMergePartsRefuses(t *testing.T) {
	line := func(image int) string {
		return fmt.Sprintf(`{"image_id":%d,"bytes":9,"category_id":[1],"bbox":[[1,2,3,4]],"score":[0.5]}`, image)
	}
	none := `{"image_id":8,"bytes":9,"category_id":null,"bbox":null,"score":null}`
	_, err := mergeTexts(t, line(5), none, line(2))
	require.NoError(t, err)
	paths, err := mergeTexts(t, line(5), line(5), line(2))
	require.EqualError(t, err, paths[0]+": line 3: image_id: image 5 has a line already, in "+paths[0]+": line 2")
	paths, err = mergeTexts(t, line(5), line(8), line(8))
	require.EqualError(t, err, paths[1]+": line 2: image_id: image 8 has a line already, in "+paths[0]+": line 3")

	for _, v := range []struct{ old, new, want string }{
		{`"image_id":8`, `"image_id":"x"`, `image_id: "x", want a whole number`},
		{`"image_id":8`, `"image_id":8.5`, `image_id: 8.5, want a whole number`},
		{`"image_id":8`, `"image_id":null`, `image_id: null, want a whole number`},
		{`"image_id":8,`, ``, `image_id: is missing`},
		{`"bytes":9,`, ``, `bytes: is missing`},
		{`[1,2,3,4]`, `[1,2,3]`, `bbox[0]: has 3 numbers, want x, y, width, height`},
		{`[1,2,3,4]`, `[1,2,3,4,5]`, `bbox[0]: has 5 numbers, want x, y, width, height`},
		{`[1,2,3,4]`, `[1,2,3,1e308]`, `bbox[0][3]: 1e+308 pixels, no image is as large`},
		{`[1,2,3,4]`, `[1,2,-3,4]`, `bbox[0][2]: -3 pixels, width and height are at least 0`},
		{`[1,2,3,4]`, `[1,2,3,1e999]`, `bbox: 1e999, want a list of [x, y, width, height]`},
		{`[1,2,3,4]`, `[1,2,3,null]`, `bbox: [[1,2,3,null]], want a list of [x, y, width, height]`},
		{`[0.5]`, `[5]`, `score[0]: 5, want 0 to 1`},
		{`[0.5]`, `[-0.5]`, `score[0]: -0.5, want 0 to 1`},
		{`[0.5]`, `0.5`, `score: 0.5, want a list of numbers`},
		{`[0.5]`, `[]`, `1 categories, 1 boxes and 0 scores`},
		{`"category_id":[1]`, `"category_id":["a"]`, `category_id: ["a"], want a list of whole numbers`},
		{line(8), `[]`, `a JSON array, want the detections of an image`},
		{line(8), `{"image_id":8`, `broken JSON after 13 bytes: unexpected end of JSON input`},
	} {
		damaged := strings.Replace(line(8), v.old, v.new, 1)
		require.NotEqual(t, line(8), damaged)
		paths, err := mergeTexts(t, line(5), damaged, line(2))
		require.EqualError(t, err, paths[0]+": line 3: "+v.want)
	}
}
