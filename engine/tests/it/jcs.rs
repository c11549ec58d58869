//! The published vectors of RFC 8785; `tests/vectors/README.md` says where they are from.

use std::fs;
use std::path::Path;

use engine::canonical::Canonical;
use engine::json;

#[test]
fn published_vectors() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/jcs");
    let mut names: Vec<_> =
        fs::read_dir(vectors.join("input")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 6);
    for name in names {
        let input = fs::read(vectors.join("input").join(&name)).unwrap();
        let output = fs::read_to_string(vectors.join("output").join(&name)).unwrap();
        let value = json::parse(&input, json::MAX_BYTES).unwrap();
        assert_eq!(Canonical::of(&value).as_str(), output.trim_end(), "{}", name.display());
    }
}

/// RFC 8785 appendix B: doubles by their bits and how they are printed.
#[test]
fn numbers_of_appendix_b() {
    for (bits, printed) in [
        (0x0000_0000_0000_0000_u64, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let number = f64::from_bits(bits);
        let value = engine::value::Value::Number(number);
        assert_eq!(Canonical::of(&value).as_str(), printed, "{bits:016x}");
    }
}
