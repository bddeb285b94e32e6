#!/bin/sh
# Brings Swagger UI, which shows /docs, from npm into web/assets/swagger. The files are in the repository; this is needed for another version only:
#
#     scripts/swagger-ui.sh
set -eu
version=5.35.0
sum=1b8e891893404ea4c3558b6a87e2a3e494e7eedba41168c2ece5800a391a6ea6
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "swagger-ui-dist@$version" >/dev/null
archive=$work/swagger-ui-dist-$version.tgz
echo "$sum  $archive" | sha256sum --check --quiet
tar -xzf "$archive" -C "$work"
target=web/assets/swagger
rm -rf "$target"
mkdir -p "$target"
for file in swagger-ui-bundle.js swagger-ui.css; do
	# The comment at the end names a file that is not served.
	sed '/^\(\/\/\|\/\*\)# sourceMappingURL=/d' "$work/package/$file" | gzip -9n >"$target/$file.gz"
done
{
	echo "Swagger UI $version (npm: swagger-ui-dist)"
	echo
	cat "$work/package/NOTICE" "$work/package/LICENSE" "$work/package/swagger-ui-bundle.js.LICENSE.txt"
} >"$target/LICENSE.txt"
