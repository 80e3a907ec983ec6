//! One text file for many pictures: FDDB's ellipse lists and WIDER FACE's box lists.

use std::iter::Peekable;

use super::{ByName, TruthError, TruthFace, number, numbers};

/// Pictures by their path, with their faces, in the order of their list.
pub type ByPath = Vec<(String, Vec<TruthFace>)>;

type Lines<'a> = Peekable<Box<dyn Iterator<Item = (usize, &'a str)> + 'a>>;

/// Lines with their numbers from 1, empty ones left out.
fn lines(text: &str) -> Lines<'_> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let filled: Box<dyn Iterator<Item = _>> = Box::new(numbered.filter(|(_, line)| !line.is_empty()));
    filled.peekable()
}

/// Reads FDDB's `*-ellipseList.txt`. Keys are the names as they stand there, slashes and all
/// (`2002/08/11/big/img_591`).
///
/// An entry is the name, the number `n` of faces, then `n` rows `major minor angle cx cy 1`
/// (radii in pixels, angle of the first in radians).
///
/// # Errors
/// [`TruthError`] for a row that is not understood, a missing row, a name that comes twice, or a
/// list cut short inside an entry.
pub fn fddb(text: &str) -> Result<ByName, TruthError> {
    let (mut all, mut lines) = (ByName::new(), lines(text));
    while let Some((line, name)) = lines.next() {
        if name.split_whitespace().count() != 1 || name.parse::<f64>().is_ok() {
            return Err(TruthError::field(line, "a picture's name", name));
        }
        let (at, need) = count(&mut lines, line)?;
        let mut faces = Vec::new();
        for got in 0..need {
            let short = || TruthError::Count { line: at, name: name.to_owned(), need, got };
            let (line, row) = lines.next().ok_or_else(short)?;
            faces.push(ellipse(row, line)?);
        }
        insert(&mut all, line, name, faces)?;
    }
    Ok(all)
}

fn ellipse(row: &str, line: usize) -> Result<TruthFace, TruthError> {
    const WANT: &str = "major minor angle cx cy 1";
    let [major, minor, angle, cx, cy, _mark] = numbers(row, line, WANT)?;
    if major > 0.0 && minor > 0.0 {
        Ok(TruthFace::from_ellipse(major, minor, angle, cx, cy))
    } else {
        Err(TruthError::field(line, "radii above 0", row))
    }
}

/// Reads WIDER FACE's `wider_face_*_bbx_gt.txt`. Keys are the file names without folder and suffix.
///
/// An entry is the path, the number `n` of faces, then `n` rows `x y w h blur expression
/// illumination invalid occlusion pose`; WIDER writes one row of zeros where `n` is 0. Faces marked
/// invalid and boxes without area are left out, as in the referee.
///
/// # Errors
/// [`TruthError`] for a row that is not understood, another number of rows than promised, a name
/// that comes twice, or a list cut short inside an entry.
pub fn wider(text: &str) -> Result<ByName, TruthError> {
    let mut all = ByName::new();
    for (line, path, faces) in wider_entries(text)? {
        let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        insert(&mut all, line, stem, faces)?;
    }
    Ok(all)
}

/// As [`wider`], with the paths as they stand there, in their order.
///
/// # Errors
/// As [`wider`], but for names that come twice.
pub fn wider_paths(text: &str) -> Result<ByPath, TruthError> {
    Ok(wider_entries(text)?.into_iter().map(|(_, path, faces)| (path.to_owned(), faces)).collect())
}

/// Line of the path, path, faces.
type Entry<'a> = (usize, &'a str, Vec<TruthFace>);

fn wider_entries(text: &str) -> Result<Vec<Entry<'_>>, TruthError> {
    let (mut all, mut lines) = (Vec::new(), lines(text));
    while let Some((line, path)) = lines.next() {
        if path.rsplit_once('/').is_none_or(|(_, file)| file.is_empty()) {
            return Err(TruthError::field(line, "a picture's path", path));
        }
        let (at, need) = count(&mut lines, line)?;
        let (mut faces, mut got) = (Vec::new(), 0);
        while let Some((line, row)) = lines.next_if(|(_, row)| !row.contains('/')) {
            faces.extend(wider_box(row, line)?);
            got += 1;
        }
        let placeholder = need == 0 && got == 1 && faces.is_empty();
        if got != need && !placeholder {
            return Err(TruthError::Count { line: at, name: path.to_owned(), need, got });
        }
        all.push((line, path, faces));
    }
    Ok(all)
}

/// `None` for a face that does not count.
fn wider_box(row: &str, line: usize) -> Result<Option<TruthFace>, TruthError> {
    const WANT: &str = "x y w h blur expression illumination invalid occlusion pose";
    let [x, y, w, h, _blur, _expression, _illumination, invalid, _occlusion, _pose] =
        numbers(row, line, WANT)?;
    let counts = w > 0.0 && h > 0.0 && invalid == 0.0;
    Ok(counts.then(|| TruthFace::from_box(x, y, x + w, y + h)))
}

/// The next line as a number of faces, with its line number.
fn count(lines: &mut Lines<'_>, after: usize) -> Result<(usize, u64), TruthError> {
    const WANT: &str = "a number of faces";
    let (line, text) = lines.next().ok_or_else(|| TruthError::field(after + 1, WANT, "the end"))?;
    number(text, line, WANT)?;
    Ok((line, text.parse().map_err(|_| TruthError::field(line, WANT, text))?))
}

fn insert(all: &mut ByName, line: usize, name: &str, faces: Vec<TruthFace>) -> Result<(), TruthError> {
    match all.insert(name.to_owned(), faces) {
        None => Ok(()),
        Some(_) => Err(TruthError::Duplicate { line, name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FDDB: &str = "2002/08/11/big/img_591\n1\n123.5833 85.5495 1.265839 269.6934 161.7812  1\n\
                        a/b\n2\n40 20 1.5707963 100 100 1\n44.5 27 -0.5 184 129 1\n";
    const WIDER: &str = "0--Parade/x_1.jpg\n2\n1 2 3 4 0 0 0 0 0 0 \n5 5 0 0 0 0 0 0 0 0 \n\
                         0--Parade/y_2.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n\
                         0--Parade/z_3.jpg\n1\n9 9 9 9 0 0 0 1 0 0 \n";

    #[test]
    fn fddb_reads_names_and_ellipses() {
        let all = fddb(FDDB).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["2002/08/11/big/img_591", "a/b"]);
        assert_eq!(all["a/b"].len(), 2);
        assert_eq!(all["a/b"][0].corners().map(f64::round), [80.0, 60.0, 120.0, 140.0]);
    }

    #[test]
    fn wider_leaves_out_invalid_and_empty_boxes() {
        let all = wider(WIDER).unwrap();
        let counts: Vec<_> = all.iter().map(|(name, faces)| (name.as_str(), faces.len())).collect();
        assert_eq!(counts, [("x_1", 1), ("y_2", 0), ("z_3", 0)]);
        assert_eq!(all["x_1"][0], TruthFace::from_box(1.0, 2.0, 4.0, 6.0));
    }

    #[test]
    fn errors_name_the_line() {
        let cases = [
            ("a/b\n2\n40 20 1 100 100 1\n", "line 2: \"a/b\" promises 2 faces, 1 follow"),
            (
                "a/b\n1\n40 20 1 100 100\n",
                "line 3: expected major minor angle cx cy 1, got \"40 20 1 100 100\"",
            ),
            ("a/b\n1\n40 0 1 100 100 1\n", "line 3: expected radii above 0, got \"40 0 1 100 100 1\""),
            ("a/b\n-1\n", "line 2: expected a number of faces, got \"-1\""),
            ("a/b\n", "line 2: expected a number of faces, got \"the end\""),
            ("a/b\n0\na/b\n0\n", "line 3: \"a/b\" is listed twice"),
            ("a/b\n0\n40 20 1 100 100 1\n", "line 3: expected a picture's name, got \"40 20 1 100 100 1\""),
        ];
        for (text, want) in cases {
            assert_eq!(fddb(text).unwrap_err().to_string(), want, "{text:?}");
        }
        let cases = [
            ("x.jpg\n0\n", "line 1: expected a picture's path, got \"x.jpg\""),
            ("a/x.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "line 2: \"a/x.jpg\" promises 2 faces, 1 follow"),
            ("a/x.jpg\n0\n1 2 3 4 0 0 0 0 0 0\n", "line 2: \"a/x.jpg\" promises 0 faces, 1 follow"),
        ];
        for (text, want) in cases {
            assert_eq!(wider(text).unwrap_err().to_string(), want, "{text:?}");
        }
    }

    #[test]
    fn a_list_cut_anywhere_is_an_error_or_whole_entries() {
        for (read, text) in [(fddb as fn(&str) -> _, FDDB), (wider, WIDER)] {
            let full = read(text).unwrap();
            let mut refused = 0;
            for n in 0..text.len() {
                match read(&text[..n]) {
                    Err(_) => refused += 1,
                    Ok(part) => {
                        for (name, faces) in &part {
                            assert_eq!(full.get(name), Some(faces), "{name:?} in the first {n} bytes");
                        }
                    }
                }
            }
            assert!(refused * 10 > text.len() * 9, "only {refused} of {} cuts refused", text.len());
        }
    }
}
