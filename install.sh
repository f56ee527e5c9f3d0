#!/bin/sh
# Installs, starts or tests cluster from this checkout; `./install.sh --help` tells what it takes.
set -eu

usage() {
  cat <<'EOF'
Usage: ./install.sh [--start | --test[=full] | --uninstall] [--prefix DIR]

  (nothing)      find or install Bun, install the dependencies, compile dist/cluster, link it as DIR/bin/cluster
  --start        the same, then initialise a peer if there is none and run it in the foreground
  --test         the same without the link, then every check and test; ends with "N passed, N failed, N skipped"
  --test=full    --test with the longer runs
  --uninstall    remove the link, dist/ and the Bun that this script installed; peers and their data stay
  --prefix DIR   default ~/.local

The peer's folder is $IPFS_CLUSTER_PATH, by default ~/.ipfs-cluster. Nothing needs root.
Bun is taken from PATH, or installed through npm, if it is the very file that this script knows by its SHA-256. Another
build of the same version, such as a distribution's, is taken when you name it: BUN=/path/to/bun ./install.sh

Exit codes:
  0  done
  1  bad usage, or something of yours is in the way
  2  Bun could not be found or installed
  3  the dependencies could not be installed
  4  the executable could not be built
  5  a check or a test failed
  With --start: the exit code of the peer, once it runs.
EOF
}

# SHA-256 of the bun in the package of each platform, of the version that package.json pins. The baseline packages have the
# same files.
bun_checksums='
f05d28a3862f4b84395c7fa32480b835dd47482e80b7e7a49a115227f0c06083 linux-x64
04778f1f42399a69d086853e9c7af4acf574b2f21a43d0dc673853d8b84a2923 linux-aarch64
cf5d285ddbe256785a5121a3c113191a6b577504976374c7cfd5aedca609b720 linux-x64-musl
9c48986093073afec8b76a3e285303598dd2462f52748aecb65e4d94866e1ea3 linux-aarch64-musl
88f97645b270aef20f9f9442f1658461cab3e7128e658af4615144e3396f084a darwin-x64
e2984124f1514e1e6bbda20adedbf07a02c443c6a5828853a15c7c7abf78e19f darwin-aarch64
'

say() { printf '%s\n' "$*" >&2; }

die() {
  code=$1
  shift
  say "install.sh: $*"
  case ${action:-} in test | full) echo '0 passed, 1 failed, 0 skipped' ;; esac
  exit "$code"
}

main() {
  action=install
  prefix=${HOME:+$HOME/.local}
  while [ $# -gt 0 ]; do
    case $1 in
      --start) choose start ;;
      --test) choose test ;;
      --test=full) choose full ;;
      --uninstall) choose uninstall ;;
      --prefix) shift; [ $# -gt 0 ] || die 1 '--prefix takes a folder'; prefix=$1 ;;
      --prefix=*) prefix=${1#--prefix=} ;;
      --help | -h) usage; exit 0 ;;
      *) die 1 "unknown option $1; see ./install.sh --help" ;;
    esac
    shift
  done
  [ -n "$prefix" ] || die 1 'HOME is not set; name a folder with --prefix'
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  link=$prefix/bin/cluster
  tools=${XDG_DATA_HOME:-${HOME:-$prefix}/.local/share}/cluster

  top=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
  cd "$top"
  version=$(sed -n 's/.*"packageManager": *"bun@\([^"]*\)".*/\1/p' package.json)

  if [ "$action" = uninstall ]; then uninstall; exit 0; fi
  case $action in install | start) refuse_foreign_link ;; esac
  find_bun
  install_dependencies
  compile
  case $action in
    test | full) run_tests ;;
    install) link_executable; next_steps ;;
    start) link_executable; start_peer ;;
  esac
}

choose() {
  [ "$action" = install ] || die 1 "one of --start, --test and --uninstall at a time; see ./install.sh --help"
  action=$1
}

# Sets $bun: the one that is named, else the one on PATH, else the one installed before, else a new one.
find_bun() {
  refused=
  if [ -n "${BUN:-}" ]; then
    bun=$BUN
    is_pinned_version "$bun" || die 2 "BUN=$bun is not Bun $version; name another one, or none"
    return
  fi
  bun=$(command -v bun || true)
  if is_genuine "$bun"; then return; fi
  home=$tools/bun-$version
  if pick_bun "$home"; then return; fi
  say "Installing Bun $version into $home"
  # Made beside its place and then moved: an interrupted installation is never taken for a whole one.
  part=$home.$$
  trap 'rm -rf "$part"' EXIT
  mkdir -p "$part"
  if ! bun_from_npm; then
    die 2 "Bun $version could not be installed; install npm, or put Bun $version on PATH"
  fi
  if ! pick_bun "$part"; then
    die 2 "npm gave no Bun $version whose SHA-256 is known${refused:+ (refused, and not run:$refused)}; see \
./install.sh --help for taking another build"
  fi
  rm -rf "$home"
  mv "$part" "$home"
  trap - EXIT
  pick_bun "$home" || die 2 "the Bun in $home does not run"
}

# A file is run only when its checksum is known.
is_genuine() {
  if [ -z "$1" ] || [ ! -x "$1" ]; then return 1; fi
  sum=$(sha256 "$1") || die 2 'no program that computes SHA-256 was found; install sha256sum, shasum or openssl'
  case $bun_checksums in
    *"
$sum "*) is_pinned_version "$1" ;;
    *)
      refused="$refused $1"
      return 1
      ;;
  esac
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum <"$1"
  elif command -v shasum >/dev/null; then shasum -a 256 <"$1"
  elif command -v openssl >/dev/null; then openssl dgst -sha256 -r <"$1"
  fi | cut -d ' ' -f 1 | grep -x '[0-9a-f]\{64\}'
}

is_pinned_version() { [ "$("$1" --version 2>/dev/null </dev/null)" = "$version" ]; }

# The platform's own package is taken, as the one named `bun` needs an install script that npm may not run.
pick_bun() {
  for bun in "$1"/node_modules/@oven/bun-*/bin/bun; do
    if is_genuine "$bun"; then return 0; fi
  done
  return 1
}

bun_from_npm() {
  command -v npm >/dev/null || return 1
  npm install --prefix "$part" --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error \
    "bun@$version" </dev/null >&2
}

install_dependencies() {
  say "Installing the dependencies (Bun $version)"
  "$bun" install --frozen-lockfile </dev/null >&2 || die 3 'the dependencies could not be installed; see above'
  PATH=$(dirname -- "$bun"):$top/node_modules/.bin:$PATH
  export PATH
}

compile() {
  "$bun" cli/build.ts </dev/null >&2 || die 4 'dist/cluster could not be built; see above'
}

# Whatever stands at the place of the link is replaced only if it is a link to such an executable.
refuse_foreign_link() {
  if { [ -e "$link" ] || [ -L "$link" ]; } && ! is_our_link; then
    die 1 "$link is there already and is not a link to dist/cluster; remove it or give another --prefix"
  fi
}

link_executable() {
  mkdir -p "$prefix/bin"
  ln -sf "$top/dist/cluster" "$link"
  say "Linked $link"
}

# The first step, where the shell would not find the link.
path_step() {
  case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) printf '  export PATH="%s:$PATH"\n' "$prefix/bin" ;;
  esac
}

is_our_link() { case $(readlink "$link" 2>/dev/null) in */dist/cluster) return 0 ;; *) return 1 ;; esac; }

uninstall() {
  if is_our_link; then rm "$link"; say "Removed $link"; fi
  rm -rf "$top/dist" "$tools/bun-$version"
  rmdir "$tools" 2>/dev/null || true
  say "Removed dist/ and Bun $version of $tools; peers and their data are untouched"
}

next_steps() {
  printf '\nInstalled. Try next:\n'
  path_step
  cat <<'EOF'
  cluster init          make a peer in ~/.ipfs-cluster
  cluster daemon        run it
  cluster --help        everything else
EOF
}

start_peer() {
  folder=${IPFS_CLUSTER_PATH:-$HOME/.ipfs-cluster}
  if [ ! -e "$folder/service.json" ]; then "$top/dist/cluster" init </dev/null; fi
  printf '\nThe peer starts now; Ctrl-C stops it. Once it is READY, try in a second shell:\n'
  path_step
  cat <<'EOF'
  cluster id
  cluster add README.md
  cluster add -r docs --name docs
  cluster pin ls
  cluster status

EOF
  exec "$top/dist/cluster" daemon
}

# Every stage runs, whatever failed before; a check that is not a test file counts as one test.
run_tests() {
  passed=0 failed=0 skipped=0
  failures=
  if [ "$action" = full ]; then CLUSTER_TEST=full; export CLUSTER_TEST; fi
  stage types tsc --noEmit
  stage lint biome check
  stage executable ./dist/cluster --version
  bun_test
  if [ "$action" = full ]; then
    stage targets "$bun" cli/build.ts --target all
    stage help-time "$bun" test/bench/help.ts
  fi
  if [ -n "$failures" ]; then say "Failed:$failures"; fi
  printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
  if [ -n "$failures" ]; then exit 5; fi
}

stage() {
  name=$1
  shift
  say "== $name: $*"
  if "$@" </dev/null; then passed=$((passed + 1)); else failed=$((failed + 1)) failures="$failures $name"; fi
}

bun_test() {
  say '== tests: bun test; those of test/sim, which have a clock of their own, take what time the others leave'
  results=$(mktemp -d)
  (run_bun_test sim 19 test/sim) >"$results/sim.log" 2>&1 &
  sim=$!
  trap 'kill "$sim" 2>/dev/null || true; rm -rf "$results"' EXIT
  trap 'exit 130' INT TERM
  code=0
  (run_bun_test others 0 --path-ignore-patterns='test/sim/**') || code=$?
  add_results others "$code"
  code=0
  wait "$sim" || code=$?
  if [ "$code" -eq 0 ]; then tail -n 6 "$results/sim.log" >&2; else cat "$results/sim.log" >&2; fi
  add_results sim "$code"
  rm -rf "$results"
  trap - EXIT INT TERM
}

# NAME NICENESS ARGUMENT…, in a subshell. The default of 5 s a test is short for a busy machine.
run_bun_test() {
  report=$results/$1 niceness=$2
  shift 2
  exec nice -n "$niceness" "$bun" test --timeout 60000 --reporter=junit --reporter-outfile="$report" "$@" </dev/null
}

# Adds up what one run of `bun test` reported, and its exit code.
add_results() {
  report=$results/$1
  total=$(count tests)
  broken=$(count failures)
  left_out=$(count skipped)
  # A file that does not load is no failure in the report, but one in the exit code.
  if [ "$2" -ne 0 ] && [ "$broken" -eq 0 ]; then broken=1 total=$((total + 1)); fi
  if [ "$total" -eq "$left_out" ]; then
    say "no test of $1 ran"
    broken=$((broken + 1)) total=$((total + 1))
  fi
  if [ "$broken" -ne 0 ]; then failures="$failures tests"; fi
  passed=$((passed + total - broken - left_out)) failed=$((failed + broken)) skipped=$((skipped + left_out))
}

# A total of the report's root element; 0 when there is no report.
count() {
  number=$(sed -n "s/^<testsuites .* $1=\"\([0-9]*\)\".*/\1/p" "$report" 2>/dev/null | head -n 1)
  printf '%s' "${number:-0}"
}

main "$@"
