//! MSE, MAE, SSIM and PSNR are scikit-image's, in all and in parts of a picture. Pictures and figures come from
//! `tools/similarity_golden.py`.

use std::path::Path;

use faceveil_data::truth::TruthFace;
use faceveil_eval::{Fidelity, Original, Picture, fidelity};
use serde_json::Value;

fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/similarity").join(name)).unwrap()
}

fn golden() -> Value {
    serde_json::from_slice(&read("golden.json")).unwrap()
}

/// `slack` is relative; SSIM is compared as it is.
#[track_caller]
fn near(name: &str, got: Fidelity, want: &Value, slack: f64) {
    for (what, got) in [("mse", got.mse), ("mae", got.mae), ("ssim", got.ssim), ("psnr", got.psnr)] {
        let want = want[what].as_f64().unwrap();
        let most = if what == "ssim" { slack } else { slack * want.abs() };
        assert!((got - want).abs() <= most, "{name}, {what}: {got}, scikit-image says {want}");
    }
}

#[test]
fn two_pictures_are_as_alike_as_scikit_image_says() {
    let golden = golden();
    let pairs = golden["pairs"].as_object().unwrap();
    assert_eq!(pairs.len(), 3);
    for (name, want) in pairs {
        let [a, b] = ["a", "b"].map(|which| Picture::decode(&read(&format!("{name}-{which}.png"))).unwrap());
        near(name, fidelity(&a, &b), want, 1e-5);
    }
}

#[test]
fn likeness_inside_and_outside_the_faces_is_scikit_image_s() {
    let golden = golden();
    let boxes = golden["boxes"].as_array().unwrap();
    let number = |v: &Value| v.as_f64().unwrap();
    let faces =
        boxes.iter().map(|b| TruthFace::from_box(number(&b[0]), number(&b[1]), number(&b[2]), number(&b[3])));
    let original = Original::new(Picture::decode(&read("original.png")).unwrap(), faces.collect());
    let likeness = original.judge(&read("output.png")).unwrap().likeness.unwrap();
    let parts = [("all", Some(likeness.all)), ("inside", likeness.inside), ("outside", likeness.outside)];
    for (name, part) in parts {
        let (part, want) = (part.unwrap(), &golden["likeness"][name]);
        // OpenCV blurs 8-bit pictures in fixed point: a grey level here and there.
        near(&format!("{name}, output"), part.output, &want["output"], 2e-3);
        near(&format!("{name}, nothing"), part.nothing, &want["nothing"], 2e-3);
    }
}
