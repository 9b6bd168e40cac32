"""Labels of the H&E task: values, names as the record spells them, and display colours."""

NAMES = (
    "Unannotated",
    "Background",
    "Tumor epithelium",
    "Reactive epithelium",
    "Stroma",
    "Inflammation",
    "Alveolar tissue",
    "Fatty tissue",
    "Necrotic tissue",
    "Erythrocytes",
    "Bronchial epithelium",
    "Mucus/Plasma/Fluids",
    "Cartilage/Bone",
    "Macrophages",
    "Muscle",
    "Liver",
    "Keratinization",
)

COLOURS = (
    (0, 0, 0),
    (255, 255, 255),
    (0, 253, 255),
    (0, 249, 0),
    (255, 251, 0),
    (255, 147, 0),
    (255, 47, 146),
    (148, 55, 255),
    (1, 25, 147),
    (255, 38, 0),
    (0, 143, 0),
    (146, 144, 0),
    (169, 169, 169),
    (83, 27, 147),
    (255, 126, 121),
    (215, 131, 255),
    (148, 23, 81),
)

(
    UNANNOTATED,
    BACKGROUND,
    TUMOUR,
    REACTIVE_EPITHELIUM,
    STROMA,
    INFLAMMATION,
    ALVEOLAR,
    FAT,
    NECROSIS,
    ERYTHROCYTES,
    BRONCHIAL_EPITHELIUM,
    MUCUS,
    CARTILAGE,
    MACROPHAGES,
    MUSCLE,
    LIVER,
    KERATIN,
) = range(17)

# The evaluation's name for class 2 differs from the label map's, and the TIL use case groups the classes.
FIGURE_NAMES = tuple("Tumor cells" if name == "Tumor epithelium" else name for name in NAMES)
TIL_NAMES = (
    "Unannotated",
    "Background",
    "Tumor cells",
    "Stroma and Inflammation",
    "Necrotic tissue",
    "Macrophages",
    "Rest",
)
TIL_GROUP = (0, 1, 2, 6, 3, 3, 6, 6, 4, 6, 6, 6, 6, 5, 6, 6, 6)
TIL_COLOURS = (COLOURS[0], COLOURS[1], COLOURS[2], (255, 199, 0), COLOURS[8], COLOURS[13], (180, 180, 180))
