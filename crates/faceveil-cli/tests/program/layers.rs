//! Flags over environment over configuration file over defaults, for every choice.

use std::ffi::OsString;
use std::path::Path;

use clap::Parser;
use faceveil_cli::args::{Cli, Verb};
use faceveil_cli::choices::{Choices, config_file};

use crate::sandbox::{Sandbox, jpeg, run};

/// For each choice three values that are not its default: as flag, in the environment, in the file.
const TABLE: [(&str, &str, &str, &str); 37] = [
    ("level", "fast", "thorough", "\"balanced\""),
    ("detector", "yunet", "yunet-s", "\"ultraface\""),
    ("model", "a.onnx", "b.onnx", "\"/c.onnx\""),
    ("model-kind", "yunet", "retinaface-1mb", "\"yolo-face\""),
    ("model-size", "32x64", "640x480", "\"320x320\""),
    ("threshold", "0.1", "0.2", "0.3"),
    ("engine", "ort", "built-in", "\"ort\""),
    ("ort-library", "a.so", "b.so", "\"/c.so\""),
    ("ort-provider", "cuda", "tensorrt", "\"openvino\""),
    ("style", "solid", "blur", "\"pixelate\""),
    ("cells", "2", "3", "4"),
    ("sigma", "0.2", "0.3", "0.4"),
    ("color", "010203", "#040506", "\"0708ff\""),
    ("overlay", "a.png", "b.png", "\"/c.png\""),
    ("shape", "box", "ellipse", "\"box\""),
    ("margin", "1.1", "1.2", "1.3"),
    ("feather", "0.1", "0.2", "0.3"),
    ("hide-zone", "1,2,3,4", "5%,0,5%,9;1,1,1,1", "[\"0,0,100%,20%\"]"),
    ("keep-zone", "1,2,3,4", "5%,0,5%,9;1,1,1,1", "[\"0,0,100%,20%\"]"),
    ("seed", "1", "18446744073709551615", "3"),
    ("on-no-face", "copy", "fail", "\"warn\""),
    ("keep-metadata", "safe", "none", "\"safe\""),
    ("max-pixels", "10", "20", "30"),
    ("codec", "h264", "h265", "\"vp9\""),
    ("crf", "20", "21", "22"),
    ("preset", "fast", "slow", "\"8\""),
    ("audio", "copy", "drop", "\"copy\""),
    ("lead", "1", "2", "3"),
    ("hold", "1", "2", "3"),
    ("detect-every", "1", "2", "3"),
    ("damaged", "keep", "refuse", "\"keep\""),
    ("codec-timeout", "1", "2", "3"),
    ("sidecar", "true", "false", "true"),
    ("overwrite", "true", "false", "true"),
    ("jobs", "1", "2", "3"),
    ("quiet", "false", "true", "false"),
    ("json", "true", "false", "true"),
];

fn flag(name: &str, value: &str) -> Choices {
    let cli = Cli::try_parse_from(["faceveil", "blur", "in", "-o", "out", &format!("--{name}={value}")]);
    match cli.unwrap_or_else(|e| panic!("{e}")).command {
        Verb::Blur(args) => args.choices,
        other => panic!("{other:?}"),
    }
}

fn environment(name: &str, value: &str) -> Choices {
    let variable = format!("FACEVEIL_{}", name.to_uppercase().replace('-', "_"));
    Choices::from_env(|asked| (asked == variable).then(|| OsString::from(value))).unwrap()
}

fn file(name: &str, value: &str) -> Choices {
    Choices::from_toml(&format!("{name} = {value}")).unwrap()
}

#[test]
fn each_layer_wins_over_the_lower_ones() {
    let mut names: Vec<_> = TABLE.iter().map(|row| row.0.to_owned()).collect();
    names.sort();
    let mut all = Choices::names();
    all.sort();
    assert_eq!(names, all, "the table covers every choice");
    for (name, typed, variable, key) in TABLE {
        let (flag, env, file) = (flag(name, typed), environment(name, variable), file(name, key));
        let none = Choices::default();
        for layer in [&flag, &env, &file] {
            assert_ne!(*layer, none, "{name}");
        }
        assert_ne!(flag, env, "{name}");
        assert_ne!(env, file, "{name}");
        let over = |a: &Choices, b: &Choices| a.clone().over(b.clone());
        assert_eq!(over(&flag, &over(&env, &file)), flag, "{name}: flag wins");
        assert_eq!(over(&none, &over(&env, &file)), env, "{name}: environment wins");
        assert_eq!(over(&none, &over(&none, &file)), file, "{name}: file wins");
        assert_eq!(over(&none, &over(&none, &none)), none, "{name}: default");
    }
}

#[test]
fn the_program_reads_all_layers() {
    let b = Sandbox::new();
    b.put("a.jpg", &jpeg(40, 30, 1));
    b.put("xdg/faceveil/config.toml", b"max-pixels = 10\n");
    b.put("mine.toml", b"max-pixels = 20\n");
    b.put(".config/faceveil/config.toml", b"max-pixels = 30\n");
    // The limit that is in force is in the message; 1200 pixels pass the last.
    type Variables = &'static [(&'static str, &'static str)];
    let cases: [(Variables, &[&str], &str); 8] = [
        (&[], &[], "limit of 30"),
        (&[("XDG_CONFIG_HOME", "xdg")], &[], "limit of 10"),
        (&[("XDG_CONFIG_HOME", "xdg")], &["--config", "mine.toml"], "limit of 20"),
        (&[("FACEVEIL_CONFIG", "mine.toml")], &[], "limit of 20"),
        (&[("FACEVEIL_MAX_PIXELS", "40")], &["--config", "mine.toml"], "limit of 40"),
        (&[("FACEVEIL_MAX_PIXELS", "")], &["--config", "mine.toml"], "limit of 20"),
        (&[("FACEVEIL_MAX_PIXELS", "40")], &["--max-pixels", "50"], "limit of 50"),
        (&[("FACEVEIL_MAX_PIXELS", "40")], &["--max-pixels", "1200"], "1 photo would be done"),
    ];
    for (variables, args, words) in cases {
        println!("{variables:?} {args:?}");
        let mut command = b.command(crate::sandbox::PROGRAM);
        for &(name, value) in variables {
            let absolute = b.path(value);
            let value = if name.starts_with("XDG") { absolute.as_os_str() } else { value.as_ref() };
            command.env(name, value);
        }
        command.args(["blur", "a.jpg", "-o", "out.jpg", "--dry-run"]).args(args);
        let ran = run(&mut command);
        ran.says(words);
    }
}

#[test]
fn wrong_layers_are_wrong_usage() {
    let b = Sandbox::new();
    b.put("a.jpg", &jpeg(40, 30, 1));
    let files = [
        ("lvel = \"fast\"", "unknown field `lvel`"),
        ("level = \"fastest\"", "unknown variant `fastest`"),
        ("level = 3", "wanted string or table"),
        ("color = \"red\"", "not six hexadecimal digits"),
        ("margin = 0.5", "--margin is 0.5, must be 1 to 4"),
        ("hide-zone = [\"1,2,3\"]", "\"1,2,3\" is not X,Y,WIDTH,HEIGHT"),
        ("level", "TOML parse error"),
    ];
    for (text, words) in files {
        b.put("c.toml", text.as_bytes());
        b.run(["blur", "a.jpg", "-o", "o.jpg", "--config", "c.toml"]).exits(3).says(words);
    }
    b.run(["blur", "a.jpg", "-o", "o.jpg", "--config", "none.toml"])
        .exits(3)
        .says("none.toml: cannot be read");
    let ran = run(b
        .command(crate::sandbox::PROGRAM)
        .args(["blur", "a.jpg", "-o", "o.jpg"])
        .env("FACEVEIL_LEVEL", "x"));
    ran.exits(3).says("FACEVEIL_LEVEL: invalid value 'x'");
    assert!(!b.exists("o.jpg"));
}

#[test]
fn an_overlay_in_a_file_is_relative_to_the_file() {
    let b = Sandbox::new();
    let path = b.put("sub/c.toml", b"overlay = \"o.png\"");
    assert_eq!(Choices::from_file(&path).unwrap().overlay.unwrap(), b.path("sub/o.png"));
}

#[test]
fn a_model_and_its_kind_may_both_stand_in_the_environment() {
    let env = |name: &str| match name {
        "FACEVEIL_MODEL" => Some("a.onnx".into()),
        "FACEVEIL_MODEL_KIND" => Some("scrfd".into()),
        "FACEVEIL_THRESHOLD" => Some("0.4".into()),
        _ => None,
    };
    let choices = Choices::from_env(env).unwrap();
    assert!(choices.model.is_some() && choices.model_kind.is_some() && choices.threshold == Some(0.4));
    let both = Choices::from_env(|name| match name {
        "FACEVEIL_LEVEL" => Some("fast".into()),
        "FACEVEIL_DETECTOR" => Some("yunet".into()),
        _ => None,
    });
    let refusal = both.unwrap().looking(&|_| None).map(drop).unwrap_err().to_string();
    assert!(refusal.starts_with("--level and --detector exclude each other"), "{refusal}");
}

#[test]
fn no_configuration_is_no_mistake() {
    assert_eq!(config_file(None, |_| None), None);
    let home = |name: &str| (name == "HOME").then(|| OsString::from("/nowhere"));
    assert_eq!(config_file(None, home), None);
    assert_eq!(config_file(Some("x".into()), home).as_deref(), Some(Path::new("x")));
}
